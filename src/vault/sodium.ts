/**
 * libsodium, ready for use.
 *
 * Owns       the one import of libsodium, its start, and giving back the memory of its streaming states:
 *            the JavaScript build allocates a state per stream in its WebAssembly heap and frees none by itself,
 *            so that a recorder of many calls would grow without bound.
 * Leaves to  the modules beside it what is sealed, signed and hashed, and in which layout.
 */
import assert from 'node:assert/strict';
import sodium, { type StateAddress } from 'libsodium-wrappers';

export type Sodium = typeof sodium;
export type { StateAddress };

/** Bytes that the wrapper allocates for a crypto_secretstream_xchacha20poly1305_state. */
export const streamStateBytes = 52;

/** Bytes that the wrapper allocates for a crypto_generichash_state: fewer than the library's own 384, so wipe no more. */
export const digestStateBytes = 357;

/** The part of libsodium's own heap that its typed wrapper does not declare. */
interface SodiumHeap {
  /** Replaced whenever the heap grows: never keep it. */
  readonly HEAPU8: Uint8Array;
  _free(address: number): void;
}

const isHeap = (value: unknown): value is SodiumHeap =>
  typeof value === 'object' &&
  value !== null &&
  'HEAPU8' in value &&
  value.HEAPU8 instanceof Uint8Array &&
  '_free' in value &&
  typeof value._free === 'function';

/** libsodium, once its WebAssembly is compiled. Cheap after the first call. */
export async function openSodium(): Promise<Sodium> {
  await sodium.ready;
  return sodium;
}

/** The bytes of a streaming state, copied. */
export function readState(library: Sodium, state: StateAddress, bytes: number): Uint8Array {
  const [{ HEAPU8 }, address] = placeOf(library, state);
  return HEAPU8.slice(address, address + bytes);
}

/** Wipes a streaming state, which holds a key, and gives its memory back. It must not be used again. */
export function freeState(library: Sodium, state: StateAddress, stateBytes: number): void {
  const [heap, address] = placeOf(library, state);
  heap.HEAPU8.fill(0, address, address + stateBytes);
  heap._free(address);
}

function placeOf(library: Sodium, state: StateAddress): readonly [SodiumHeap, number] {
  const heap: unknown = 'libsodium' in library ? library.libsodium : undefined;
  // Declared as an object, the address is a plain number: https://github.com/jedisct1/libsodium.js/issues/380.
  const address: unknown = state;
  assert(isHeap(heap) && typeof address === 'number', 'this build of libsodium keeps its states elsewhere');
  return [heap, address];
}

/** The same bytes as a Buffer, without a copy. */
export const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
