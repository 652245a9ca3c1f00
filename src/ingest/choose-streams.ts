/**
 * Which of a call's streams its recording is made of: pure.
 *
 * Where several legs of a call are in the capture (in front of a back-to-back agent and behind it, at two hops, beside
 * its recording session), each party is in it more than once. One stream at a time speaks for a party: of those that can
 * be read and are about as long as the longest the one of the earliest leg; and others where that one is silent.
 */
import type { LegStream } from './leg-stream.js';
import type { Role } from './stream-description.js';

export interface Choosable {
  readonly stream: Pick<LegStream, 'role' | 'index' | 'packets' | 'firstAtMs' | 'lastAtMs'>;
  readonly legStartedAtMs: number;
  /** Plain, or a key is known. */
  readonly readable: boolean;
}

/** Two that follow one another may overlap by so much, at a transfer. */
const overlapMs = 1_000;
const wholeShare = 0.9;

export function chooseStreams<T extends Choosable>(all: readonly T[]): readonly T[] {
  const chosen: T[] = [];
  const heard = all.filter(({ stream }) => stream.packets > 0);
  const roles = new Set(heard.map(roleKey));
  for (const role of roles) {
    const mine = heard.filter((one) => roleKey(one) === role);
    const most = Math.max(...mine.map(({ stream }) => stream.packets));
    const rank = ({ readable, stream }: T): number => (readable ? 0 : 2) + (stream.packets >= most * wholeShare ? 0 : 1);
    const taken: T[] = [];
    for (const one of [...mine].sort((a, b) => rank(a) - rank(b) || a.legStartedAtMs - b.legStartedAtMs)) {
      if (taken.every((other) => !overlap(one.stream, other.stream))) taken.push(one);
    }
    chosen.push(...taken);
  }
  return chosen;
}

/** Further parties are told apart by their lines. */
const roleKey = ({ stream: { role, index } }: Choosable): Role | `other ${number}` => (role === 'other' ? `other ${index}` : role);

const overlap = (one: Choosable['stream'], other: Choosable['stream']): boolean => Math.min(one.lastAtMs, other.lastAtMs) - Math.max(one.firstAtMs, other.firstAtMs) > overlapMs;
