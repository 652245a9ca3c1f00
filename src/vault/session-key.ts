/**
 * An SRTP key that comes to a recording by another way than its recording session: from a CTI link, a key server, a
 * person. It travels and rests sealed to the vault's public key (crypto_box_seal); only who stitches opens it.
 *
 * What is sealed is JSON: `{"version": 1, "sessionId": …, "for": "caller" | "callee", "crypto": …}`. The session ID is
 * inside, so that a box is of no use for any other call. `for` may be left out: then it is tried for both. `crypto` is
 * the value of an `a=crypto` line (RFC 4568 §9.1).
 *
 * Leaves to  media/ what a crypto line says.
 */
import { Failure } from '../errors/index.js';
import type { VaultKeys, VaultPublic } from './keys.js';
import { openSecret, sealSecret } from './secret.js';

export interface SessionKey {
  readonly sessionId: string;
  /** Absent: of whichever stream it opens. */
  readonly for?: 'caller' | 'callee' | undefined;
  readonly crypto: string;
}

/** Why a sealed key is of no use; each a sentence's end. */
export type SessionKeyReject = 'is sealed for other keys, or damaged' | 'has no key in it' | 'is of another session';

/** Of a sealed key, in octets: what it takes, and what an attacker may make us keep. */
export const sealedKeyBytes = { least: 49, most: 4_096 } as const;

export const sealSessionKey = ({ sessionId, for: side, crypto }: SessionKey, to: VaultPublic): Promise<Buffer> =>
  sealSecret(Buffer.from(JSON.stringify({ version: 1, sessionId, ...(side === undefined ? {} : { for: side }), crypto })), to);

export async function openSessionKey(sealed: Uint8Array, sessionId: string, keys: VaultKeys): Promise<SessionKey | SessionKeyReject> {
  const opened = await openAnySessionKey(sealed, keys);
  return typeof opened === 'string' || opened.sessionId === sessionId ? opened : 'is of another session';
}

/** Of whichever session; the caller uses it for no other. */
export async function openAnySessionKey(sealed: Uint8Array, keys: VaultKeys): Promise<SessionKey | SessionKeyReject> {
  let plain: Buffer;
  try {
    plain = await openSecret(sealed, keys);
  } catch (error) {
    if (error instanceof Failure && error.code === 'VAULT_KEYS') return 'is sealed for other keys, or damaged';
    throw error;
  }
  const said = parsed(plain.toString());
  const { version, sessionId: of, for: side, crypto } = said;
  if (version !== 1 || typeof of !== 'string' || typeof crypto !== 'string' || !(side === undefined || side === 'caller' || side === 'callee')) return 'has no key in it';
  return { sessionId: of, for: side, crypto };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
