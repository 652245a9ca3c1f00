/**
 * The recordings as a person asks for them: the same questions in this process or over HTTP.
 */
import type { Found, Listed, ListFilter } from '../ledger/index.js';

export interface VerificationCheck {
  /** A plain sentence that is true when the check is ok. */
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Verification {
  /** As it was asked for. */
  readonly id: string;
  readonly recordingId: string;
  /** All checks are. */
  readonly ok: boolean;
  readonly checks: readonly VerificationCheck[];
}

export interface PublicKey {
  readonly keyId: string;
  readonly sealTo: string;
}

export interface Audio {
  /** A file name to save it under. */
  readonly name: string;
  /**
   * The file, decrypted on the way, of the format that its name tells. Whoever takes it reads it to the end or stops early with
   * `return()`. Throws Failure VAULT_READ at the first damaged piece, API_UNREACHABLE when the line breaks.
   */
  readonly bytes: AsyncIterable<Buffer>;
}

/**
 * `id` is a recording or a session ID. All fail with LEDGER_UNAVAILABLE when the ledger does not
 * answer, and with API_UNREACHABLE when they go over HTTP and nobody is there.
 */
export interface Library {
  /** One entry per session, recorded or not, newest first. */
  list(filter: ListFilter): Promise<Listed[]>;
  find(id: string): Promise<Found | undefined>;
  /** Failure RECORDING_UNKNOWN when there is no such ID, or no recording of it; the message has the reason. */
  audio(id: string): Promise<Audio>;
  /** What SRTP keys are sealed to that come by themselves: X25519, base64. */
  publicKey(): Promise<PublicKey>;
  /**
   * SRTP keys for a session, sealed: it is stitched with them, again if it was before. How many it has now. Failure
   * KEYS_UNUSABLE when there are too many: none is taken.
   */
  sendKeys(sessionId: string, sealed: readonly Uint8Array[]): Promise<number>;
  /** Proves the recording untouched, or says what is wrong with it. Failure RECORDING_UNKNOWN as in `audio`. */
  verify(id: string): Promise<Verification>;
  close(): Promise<void>;
}
