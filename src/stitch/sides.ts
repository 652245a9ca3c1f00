/**
 * More than two parties on two sides: the caller left, everybody else right. Pure.
 */
import type { Block } from './mixer.js';

export async function* onTwoSides(blocks: AsyncIterable<Block>): AsyncGenerator<Block, void, undefined> {
  for await (const block of blocks) yield twoSides(block);
}

export function twoSides([left = new Int16Array(0), ...others]: Block): Block {
  const right = new Int16Array(left.length);
  for (let n = 0; n < right.length; n += 1) {
    let sum = 0;
    for (const other of others) sum += other[n] ?? 0;
    right[n] = Math.max(-32_768, Math.min(32_767, sum));
  }
  return [left, right];
}
