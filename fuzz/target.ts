import type { Corpus } from './mutate.js';

export interface Target extends Corpus {
  readonly run: (input: Buffer) => void | Promise<void>;
}
