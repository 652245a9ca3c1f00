/**
 * Whether a recording is what it was when it was made.
 *
 * Three witnesses must agree: the stored bytes, the signed manifest beside them, and the ledger. Every
 * check is made even when one before it failed, so that the result says what exactly is wrong.
 */
import { isDeepStrictEqual } from 'node:util';
import { Failure } from '../errors/index.js';
import { openAudioProof } from '../media/index.js';
import { manifestName, type ObjectStore } from '../vault/index.js';
import type { VerificationCheck } from './library.js';

export type VerifiedStore = Pick<ObjectStore, 'read' | 'digest' | 'readDocument'>;

/** What the ledger holds of the recording. */
export interface LedgerWitness {
  readonly recordingId: string;
  readonly sessionId: string;
  readonly objectName: string;
  readonly digest: string;
}

export const verifyRecording = async (store: VerifiedStore, witness: LedgerWitness): Promise<VerificationCheck[]> => {
  const { objectName, recordingId, sessionId } = witness;
  const manifest = await attempt(() => store.readDocument(manifestName(objectName)));
  const stored = await attempt(() => store.digest(objectName));
  const signedDigest = manifest.value === undefined ? undefined : member(manifest.value, 'digest');
  const audio = await readThrough(store, objectName);
  const ids = { recordingId: member(manifest.value, 'recordingId'), sessionId: member(manifest.value, 'sessionId') };
  return [
    {
      name: 'the manifest bears a valid signature',
      ok: manifest.failure === undefined,
      detail: manifest.failure ?? 'signed with the key of this vault',
    },
    compare('the manifest is the one of this recording', isDeepStrictEqual(ids, { recordingId, sessionId }), manifest.failure, 'it names another recording or session'),
    compare(
      'the stored bytes are the ones that the manifest was signed for',
      stored.value !== undefined && stored.value === signedDigest,
      manifest.failure ?? stored.failure,
      'their digests differ: the object was changed or replaced',
    ),
    compare(
      'the ledger and the manifest agree on the digest',
      signedDigest !== undefined && signedDigest === witness.digest,
      manifest.failure,
      'the digests differ: one of the two was changed',
    ),
    { name: 'every chunk of the audio opens, to the last', ok: audio.failure === undefined, detail: audio.failure ?? `${audio.bytes} bytes` },
    compare('the audio file is whole', audio.reject === undefined, audio.failure, `it is not what its name and its head say: ${audio.reject ?? ''}`),
  ];
};

const compare = (name: string, ok: boolean, unreadable: string | undefined, difference: string): VerificationCheck => {
  if (unreadable !== undefined) return { name, ok: false, detail: `cannot be told: ${unreadable}` };
  return { name, ok, detail: ok ? 'they agree' : difference };
};

/** The value, or the message of a failure to be expected; a bug goes on up. */
const attempt = async <T>(work: () => Promise<T>): Promise<{ value?: T; failure?: string }> => {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof Failure) return { failure: error.message };
    throw error;
  }
};

const member = (document: unknown, name: string): unknown =>
  typeof document === 'object' && document !== null ? (document as Readonly<Record<string, unknown>>)[name] : undefined;

const readThrough = async (store: VerifiedStore, objectName: string): Promise<{ bytes: number; reject: string | undefined; failure?: string }> => {
  let bytes = 0;
  let reject: string | undefined;
  const proof = await openAudioProof(objectName);
  try {
    const { failure } = await attempt(async () => {
      for await (const piece of store.read(objectName)) {
        bytes += piece.length;
        const blocks = reject === undefined ? proof?.push(piece) : undefined;
        if (typeof blocks === 'string') reject = blocks;
      }
      const rest = reject === undefined ? (proof?.end() ?? 'unsupported') : reject;
      if (typeof rest === 'string') reject = rest;
    });
    return { bytes, reject, ...(failure === undefined ? {} : { failure }) };
  } finally {
    proof?.close();
  }
};
