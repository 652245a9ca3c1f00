/**
 * The library of this process: what the ledger knows, what the vault holds.
 *
 * Leaves to  whoever opened ledger and vault to close them.
 */
import { extname } from 'node:path';
import { Failure } from '../errors/index.js';
import type { Found, Ledger } from '../ledger/index.js';
import type { VaultPublic } from '../vault/index.js';
import type { Library } from './library.js';
import { verifyRecording, type LedgerWitness, type VerifiedStore } from './verify.js';

export const localLibrary = (ledger: Pick<Ledger, 'recordings' | 'find' | 'keysCame'>, store: VerifiedStore, sealTo: VaultPublic): Library => {
  const witness = async (id: string): Promise<LedgerWitness> => witnessOf(id, await ledger.find(id));
  return {
    list: (filter) => ledger.recordings(filter),
    find: (id) => ledger.find(id),
    audio: async (id) => {
      const { recordingId, objectName } = await witness(id);
      return { name: `${recordingId}${extname(objectName)}`, bytes: store.read(objectName) };
    },
    publicKey: () => Promise.resolve({ keyId: sealTo.keyId, sealTo: Buffer.from(sealTo.sealTo).toString('base64') }),
    sendKeys: (sessionId, sealed) => ledger.keysCame(sessionId, sealed),
    verify: async (id) => {
      const found = await witness(id);
      const checks = await verifyRecording(store, found);
      return { id, recordingId: found.recordingId, ok: checks.every((check) => check.ok), checks };
    },
    close: () => Promise.resolve(),
  };
};

const witnessOf = (id: string, found: Found | undefined): LedgerWitness => {
  if (found === undefined) throw unknownRecording(id);
  const { recordingId, recording, sessionId, state, reason } = found;
  if (recordingId === undefined || recording === undefined || recording.objectName === '') {
    const why = reason === '' ? '' : `: ${reason}`;
    throw new Failure('RECORDING_UNKNOWN', `session ${sessionId} has no audio, its state is ${state}${why}`, { facts: { sessionId, state } });
  }
  return { recordingId, sessionId, objectName: recording.objectName, digest: recording.digest };
};

export const unknownRecording = (id: string): Failure =>
  new Failure('RECORDING_UNKNOWN', `there is no recording or session ${id}; "twintrack list" shows those there are`, { facts: { id } });
