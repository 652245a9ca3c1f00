/** The names an edge makes up: message and transaction ids, tags, branches, Call-IDs, first CSeqs, and chance. */
import { randomInt, randomUUID } from 'node:crypto';
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

const token = (): string => randomUUID().replaceAll('-', '');

export const randomIds: Ids = {
  uuid: randomUUID,
  tag: () => token().slice(0, 16),
  branch: () => `${MAGIC_COOKIE}${token().slice(0, 24)}`,
  cseq: () => randomInt(1, 100_000_000),
  chance: () => randomInt(0, 1_000_000) / 1_000_000,
};
