/** The names an edge makes up: message and transaction ids, tags, branches, Call-IDs, first CSeqs, and chance. */
import { randomFillSync, randomInt } from 'node:crypto';
import { MAGIC_COOKIE } from './message/via.js';

export interface Ids {
  uuid(): string;
  /** A tag of at least 32 random bits (RFC 3261 §19.3). */
  tag(): string;
  branch(): string;
  /** A first CSeq below 2**31 with room to count. */
  cseq(): number;
  /** A number in [0, 1), for what must not happen everywhere at once. */
  chance(): number;
}

/** Random bytes for many names at once: asking for them is what costs. */
const pool = Buffer.alloc(4_096);
let used = pool.length;

/** Where as many unused random bytes begin. */
function take(bytes: number): number {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return used - bytes;
}

function token(digits: number): string {
  const at = take(digits / 2);
  return pool.toString('hex', at, at + digits / 2);
}

const uuidText = Buffer.alloc(36, '-');

/** RFC 9562 §5.4. Written at once: one put together from pieces holds on to all of them, ten times its size. */
function uuid(): string {
  const at = take(16);
  pool[at + 6] = ((pool[at + 6] ?? 0) & 0x0f) | 0x40;
  pool[at + 8] = ((pool[at + 8] ?? 0) & 0x3f) | 0x80;
  const digits = pool.toString('hex', at, at + 16);
  uuidText.write(digits.slice(0, 8), 0, 'latin1');
  uuidText.write(digits.slice(8, 12), 9, 'latin1');
  uuidText.write(digits.slice(12, 16), 14, 'latin1');
  uuidText.write(digits.slice(16, 20), 19, 'latin1');
  uuidText.write(digits.slice(20), 24, 'latin1');
  return uuidText.toString('latin1');
}

export const randomIds: Ids = {
  uuid,
  tag: () => token(16),
  branch: () => `${MAGIC_COOKIE}${token(24)}`,
  cseq: () => randomInt(1, 100_000_000),
  chance: () => randomInt(0, 1_000_000) / 1_000_000,
};
