/**
 * Mutations of valid input: pure, and the same for the same seed, so that a finding can be had again.
 */

/** Numbers in [0, below), by Marsaglia's xorshift32. */
export type Random = (below: number) => number;

export function randomFrom(seed: number): Random {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export interface Corpus {
  /** Valid inputs, at least one. */
  readonly seeds: readonly Buffer[];
  /** What means something to the parser: put in at random places. */
  readonly words: readonly string[];
}

/** Longer inputs are cut: mutations must not grow without bound. */
const maxBytes = 70_000;

type Mutation = (input: Buffer, corpus: Corpus, random: Random) => Buffer;

const at = (input: Buffer, random: Random): number => random(input.length + 1);

const put = (input: Buffer, where: number, what: Buffer): Buffer => Buffer.concat([input.subarray(0, where), what, input.subarray(where)]);

function changeByte(input: Buffer, change: (byte: number) => number, random: Random): Buffer {
  if (input.length === 0) return input;
  const changed = Buffer.from(input);
  const where = random(changed.length);
  changed[where] = change(changed[where] ?? 0) & 0xff;
  return changed;
}

const interesting = [0, 1, 0x7f, 0x80, 0xff, 0x0d, 0x0a, 0x20, 0x22, 0x3b, 0x3c, 0x3e];

const mutations: readonly Mutation[] = [
  (input, _, random) => changeByte(input, (byte) => byte ^ (1 << random(8)), random),
  (input, _, random) => changeByte(input, () => random(256), random),
  (input, _, random) => changeByte(input, () => interesting[random(interesting.length)] ?? 0, random),
  (input, _, random) => input.subarray(0, at(input, random)),
  (input, _, random) => put(input, at(input, random), Buffer.from(Array.from({ length: 1 + random(16) }, () => random(256)))),
  (input, { words }, random) => put(input, at(input, random), Buffer.from(words[random(words.length)] ?? '')),
  (input, _, random) => {
    const from = at(input, random);
    return Buffer.concat([input.subarray(0, from), input.subarray(from + 1 + random(64))]);
  },
  (input, _, random) => {
    const from = at(input, random);
    const piece = input.subarray(from, from + 1 + random(64));
    return put(input, at(input, random), Buffer.concat(Array.from({ length: 1 + random(8) }, () => piece)));
  },
  (input, { seeds }, random) => {
    const other = seeds[random(seeds.length)] ?? input;
    return Buffer.concat([input.subarray(0, at(input, random)), other.subarray(at(other, random))]);
  },
];

/** One to four mutations of one seed. */
export function mutate(corpus: Corpus, random: Random): Buffer {
  let input = corpus.seeds[random(corpus.seeds.length)] ?? Buffer.alloc(0);
  for (let left = 1 + random(4); left > 0; left -= 1) {
    const mutation = mutations[random(mutations.length)];
    if (mutation !== undefined) input = mutation(input, corpus, random);
  }
  return input.subarray(0, maxBytes);
}
