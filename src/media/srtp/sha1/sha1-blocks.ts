/**
 * The compression function of SHA-1 (FIPS 180-4 §6.1.2) in WebAssembly: all eighty rounds after one another, their state
 * in locals.
 */
import { assemble, get, i32, repeatWhile, set, type Code } from './wasm-module.js';

export const blockBytes = 64;
const pages = 2;

export interface Sha1Blocks {
  /** Holds states, five words in the order of the machine, and messages. 128 kB. */
  readonly memory: Uint8Array;
  readonly words: Int32Array;
  /** Takes `count` blocks, 1 or more, from `from` into the state at `state`. */
  readonly run: (state: number, from: number, count: number) => void;
}

const [state, from, left] = [0, 1, 2];
const firstRegister = 3;
const firstWord = 8;

/** FIPS 180-4 §4.1.1 and §4.2.1. */
const choose = (b: Code, c: Code, d: Code): Code => i32.xor(d, i32.and(b, i32.xor(c, d)));
const parity = (b: Code, c: Code, d: Code): Code => i32.xor(i32.xor(b, c), d);
const majority = (b: Code, c: Code, d: Code): Code => i32.or(i32.and(b, c), i32.and(d, i32.or(b, c)));
const phases = [
  { f: choose, k: 0x5a827999 },
  { f: parity, k: 0x6ed9eba1 },
  { f: majority, k: 0x8f1bbcdc },
  { f: parity, k: 0xca62c1d6 },
] as const;

/** Big endian. */
const swapped = (word: Code): Code => i32.or(i32.and(i32.rotateLeft(word, 8), i32.constant(0x00ff00ff)), i32.and(i32.rotateLeft(word, 24), i32.constant(0xff00ff00)));

const word = (n: number): number => firstWord + (n & 15);
const schedule = (n: number): Code => set(word(n), i32.rotateLeft(i32.xor(i32.xor(get(word(n - 3)), get(word(n - 8))), i32.xor(get(word(n - 14)), get(word(n)))), 1));

function round(n: number): Code {
  const [a, b, c, d, e] = [0, 1, 2, 3, 4].map((register) => firstRegister + ((register + 80 - n) % 5)) as [number, number, number, number, number];
  const { f, k } = phases[Math.floor(n / 20) as 0 | 1 | 2 | 3];
  return [
    ...(n < 16 ? [] : schedule(n)),
    ...set(e, i32.add(get(e), i32.rotateLeft(get(a), 5), f(get(b), get(c), get(d)), i32.constant(k), get(word(n)))),
    ...set(b, i32.rotateLeft(get(b), 30)),
  ];
}

function body(): Code {
  const count = (length: number, code: (n: number) => Code): Code => Array.from({ length }, (_, n) => code(n)).flat();
  return repeatWhile([
    ...count(16, (n) => set(word(n), swapped(i32.load(get(from), 4 * n)))),
    ...count(5, (n) => set(firstRegister + n, i32.load(get(state), 4 * n))),
    ...count(80, round),
    ...count(5, (n) => i32.store(get(state), 4 * n, i32.add(i32.load(get(state), 4 * n), get(firstRegister + n)))),
    ...set(from, i32.add(get(from), i32.constant(blockBytes))),
    ...set(left, i32.add(get(left), i32.constant(-1))),
    ...get(left),
  ]);
}

/** As much of it as is used here: the types of Node have none. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** Null where this Node runs no WebAssembly (--jitless), or the machine has its words the other way round. */
export function loadSha1Blocks(): Sha1Blocks | null {
  const { WebAssembly } = globalThis as { WebAssembly?: WebAssemblyApi };
  if (WebAssembly === undefined || new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) return null;
  const module = new WebAssembly.Module(assemble({ parameters: 3, locals: 21, pages, body: body() }));
  const { run, memory } = new WebAssembly.Instance(module).exports as { run: Sha1Blocks['run']; memory: { buffer: ArrayBuffer } };
  return { run, memory: new Uint8Array(memory.buffer), words: new Int32Array(memory.buffer) };
}
