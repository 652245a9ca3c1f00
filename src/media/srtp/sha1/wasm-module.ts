/**
 * As much of a WebAssembly assembler as one function needs (WebAssembly Core Specification 1.0 §5, the binary format), so
 * that a module is made where it is used: nothing to build, no binary in the repository.
 */

/** Instructions in the order in which they run. */
export type Code = readonly number[];

const [valueI32, blockOfNothing] = [0x7f, 0x40];
const [sectionType, sectionFunction, sectionMemory, sectionExport, sectionCode] = [1, 3, 5, 7, 10];

/** §5.2.2. */
export function unsigned(value: number): Code {
  const low = value & 0x7f;
  const rest = value >>> 7;
  return rest === 0 ? [low] : [low | 0x80, ...unsigned(rest)];
}

export function signed(value: number): Code {
  const low = value & 0x7f;
  const rest = value >> 7;
  const last = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
  return last ? [low] : [low | 0x80, ...signed(rest)];
}

/** §5.4: of 32-bit integers all. */
export const i32 = {
  constant: (value: number): Code => [0x41, ...signed(value | 0)],
  load: (address: Code, offset: number): Code => [...address, 0x28, 2, ...unsigned(offset)],
  store: (address: Code, offset: number, value: Code): Code => [...address, ...value, 0x36, 2, ...unsigned(offset)],
  add: (...terms: readonly [Code, ...Code[]]): Code => terms.slice(1).reduce((sum, term) => [...sum, ...term, 0x6a], terms[0]),
  and: (a: Code, b: Code): Code => [...a, ...b, 0x71],
  or: (a: Code, b: Code): Code => [...a, ...b, 0x72],
  xor: (a: Code, b: Code): Code => [...a, ...b, 0x73],
  rotateLeft: (value: Code, bits: number): Code => [...value, ...i32.constant(bits), 0x77],
} as const;

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
/** Runs `body` as often as it leaves something other than 0 on the stack. */
export const repeatWhile = (body: Code): Code => [0x03, blockOfNothing, ...body, 0x0d, 0, 0x0b];

const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const section = (id: number, items: readonly Code[]): Code => {
  const content = vector(items);
  return [id, ...unsigned(content.length), ...content];
};
const name = (text: string): Code => vector([...Buffer.from(text)].map((octet) => [octet]));

/** A module with one function, `run`, of so many parameters and further locals, all of 32 bits, and one `memory`. */
export function assemble({ parameters, locals, pages, body }: { parameters: number; locals: number; pages: number; body: Code }): Uint8Array<ArrayBuffer> {
  const code = [...vector([[...unsigned(locals), valueI32]]), ...body, 0x0b];
  return Uint8Array.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(sectionType, [[0x60, ...vector(Array.from({ length: parameters }, () => [valueI32])), ...vector([])]]),
    ...section(sectionFunction, [[0]]),
    ...section(sectionMemory, [[0x01, ...unsigned(pages), ...unsigned(pages)]]),
    ...section(sectionExport, [[...name('run'), 0x00, 0], [...name('memory'), 0x02, 0]]),
    ...section(sectionCode, [[...unsigned(code.length), ...code]]),
  ]);
}
