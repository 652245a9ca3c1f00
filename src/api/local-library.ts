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
      const found = await witness(id);
      return { name: `${found.recordingId}${extname(found.objectName)}`, bytes: readStanding(store, found, () => witness(id)) };
    },
    publicKey: () => Promise.resolve({ keyId: sealTo.keyId, sealTo: Buffer.from(sealTo.sealTo).toString('base64') }),
    sendKeys: (sessionId, sealed) => ledger.keysCame(sessionId, sealed),
    verify: async (id) => {
      let found = await witness(id);
      let checks = await verifyRecording(store, found);
      const { objectName } = found;
      found = await witness(id);
      // Made anew meanwhile: it lies elsewhere.
      if (found.objectName !== objectName) checks = await verifyRecording(store, found);
      return { id, recordingId: found.recordingId, ok: checks.every((check) => check.ok), checks };
    },
    close: () => Promise.resolve(),
  };
};

/** One that was made anew since the ledger was asked lies elsewhere. */
async function* readStanding(store: VerifiedStore, { objectName }: LedgerWitness, again: () => Promise<LedgerWitness>): AsyncGenerator<Buffer, void, undefined> {
  let begun = false;
  try {
    for await (const piece of store.read(objectName)) {
      begun = true;
      yield piece;
    }
    return;
  } catch (error) {
    if (begun || !(error instanceof Failure) || error.code !== 'VAULT_READ') throw error;
    const now = await again();
    if (now.objectName === objectName) throw error;
    objectName = now.objectName;
  }
  yield* store.read(objectName);
}

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
