/** Which command a party's keys say, once they do: pure but for its state; the clock is an argument. */
import type { ControlStep } from './control-states.js';

export type KeySequences = Readonly<Partial<Record<ControlStep, string | undefined>>>;

/** A key pressed later than this after the one before begins anew. */
const betweenKeysMs = 3_000;

export class DtmfMatcher {
  readonly #sequences: readonly (readonly [ControlStep, string])[];
  readonly #longest: number;
  #pressed = '';
  #lastAtMs = Number.NEGATIVE_INFINITY;

  /** @param sequences checked before: none is within another. */
  constructor({ start, stop, pause, resume }: KeySequences) {
    const all = [['start', start], ['stop', stop], ['pause', pause], ['resume', resume]] as const;
    this.#sequences = all.flatMap(([step, keys]) => (keys === undefined ? [] : [[step, keys] as const]));
    this.#longest = Math.max(0, ...this.#sequences.map(([, keys]) => keys.length));
  }

  press(key: string, atMs: number): ControlStep | undefined {
    if (atMs - this.#lastAtMs > betweenKeysMs) this.#pressed = '';
    this.#lastAtMs = atMs;
    this.#pressed = (this.#pressed + key).slice(-this.#longest);
    const found = this.#sequences.find(([, keys]) => this.#pressed.endsWith(keys));
    if (found === undefined) return undefined;
    this.#pressed = '';
    return found[0];
  }
}

export const saysAnything = (sequences: KeySequences): boolean => Object.values(sequences).some((keys) => keys !== undefined);
