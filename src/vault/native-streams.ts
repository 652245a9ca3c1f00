/** Streams of libsodium taken over by the process's OpenSSL, where that is at hand, allowed, and does the same. */
import { NativeCipher } from './native-cipher.js';
import { NativeStream, nativeStateBytes, pieceBytes } from './native-stream.js';
import { freeState, readState, streamStateBytes, type Sodium, type StateAddress } from './sodium.js';

export type { NativeStream };

let allowed = true;
let found: NativeCipher | null | undefined;

/** Of this thread: whether streams that begin from now on may be taken over. */
export const useNativeStreams = (may: boolean): void => {
  allowed = may;
};

/** Takes over a stream that libsodium has just begun, whose state is then given back; undefined where that cannot be. */
export function nativeStream(sodium: Sodium, state: StateAddress): NativeStream | undefined {
  if (!allowed) return undefined;
  found ??= probe(sodium);
  if (found === null) return undefined;
  const stream = new NativeStream(found, readState(sodium, state, nativeStateBytes));
  freeState(sodium, state, streamStateBytes);
  return stream;
}

function probe(sodium: Sodium): NativeCipher | null {
  try {
    const cipher = NativeCipher.load();
    return cipher !== undefined && doesTheSame(cipher, sodium) ? cipher : null;
  } catch {
    return null;
  }
}

/** Whether chunks of many lengths pass from one to the other, and back. */
function doesTheSame(cipher: NativeCipher, sodium: Sodium): boolean {
  const key = sodium.crypto_secretstream_xchacha20poly1305_keygen();
  const push = sodium.crypto_secretstream_xchacha20poly1305_init_push(key);
  const pull = sodium.crypto_secretstream_xchacha20poly1305_init_pull(push.header, key);
  const [sealing, opening] = [1, 2].map(() => new NativeStream(cipher, readState(sodium, push.state, nativeStateBytes))) as [NativeStream, NativeStream];
  try {
    return [0, 1, 15, 16, 17, 63, 64, 65, 1_900, pieceBytes - 1, pieceBytes, pieceBytes + 1, 3 * pieceBytes + 40].every((bytes, n) => {
      const plain = new Uint8Array(bytes).map((_, at) => at * 7 + n);
      const sealed = sealing.seal(plain, n % 2);
      const expected = sodium.crypto_secretstream_xchacha20poly1305_push(push.state, plain, null, n % 2);
      const theirs = sodium.crypto_secretstream_xchacha20poly1305_pull(pull, sealed, null);
      const ours = opening.open(expected);
      return sealed.equals(expected) && theirs !== false && theirs.tag === n % 2 && ours?.tag === n % 2 && ours.message.equals(plain);
    });
  } finally {
    sealing.close();
    opening.close();
    freeState(sodium, push.state, streamStateBytes);
    freeState(sodium, pull, streamStateBytes);
    sodium.memzero(key);
  }
}
