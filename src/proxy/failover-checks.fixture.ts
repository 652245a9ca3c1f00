/**
 * For the simulation of failover: what holds at each instant, whatever the recorders do, and what holds when all is over.
 * The numbers are those of the checks' names in failover-simulation.test.ts.
 */
import { sides, type Side } from '../anchor/index.js';
import type { FakeFork } from './failover-fork.fixture.js';
import type { SimulatedCall } from './failover-call.fixture.js';

/** From one session to the search for the next, by way of the media thread. */
const betweenMs = 300;

export class RunningChecks {
  readonly #wrong: (what: string) => void;
  /** When each copy was last recorded or asked for. */
  readonly #seenAtMs = new Map<FakeFork, number>();
  /** Copies of which it was told that there is none, until there is one again. */
  readonly #told = new Set<FakeFork>();

  constructor(wrong: (what: string) => void) {
    this.#wrong = wrong;
  }

  /** A running call is being recorded, or a recorder is being asked, or it has been told that there is none. */
  call(call: SimulatedCall, nowMs: number): void {
    if (!call.isRecordable) return;
    for (const copy of call.copies) {
      const seenAtMs = this.#seenAtMs.get(copy) ?? nowMs;
      if (copy.hasBegun) this.#told.delete(copy);
      if (call.isLost || call.lostAtMs >= seenAtMs) this.#told.add(copy);
      const isSeen = copy.session !== undefined || copy.asked > 0;
      this.#seenAtMs.set(copy, isSeen ? nowMs : seenAtMs);
      if (!isSeen && !this.#told.has(copy) && nowMs - seenAtMs > betweenMs) this.#wrong(`${copy.name} is not recorded, no recorder is asked, and nothing is told`);
    }
  }
}

/** Each packet is written by a recorder, or has gone as the oldest of those kept, or was kept to the end. */
export function checkPackets(call: SimulatedCall, mayBeLeft: (side: Side) => boolean, wrong: (what: string) => void): void {
  for (const side of sides) {
    const packets = call.sent[side];
    for (let number = 0; number < packets.sent; number += 1) {
      if (packets.has(number, 'written')) continue;
      if (packets.has(number, 'unwanted')) continue;
      if (packets.has(number, 'unsure')) wrong(`${call.name}: packet ${number} of the ${side} was confirmed, and nobody has written it`);
      else if (packets.has(number, 'left') && mayBeLeft(side)) continue;
      else if (packets.has(number, 'left')) wrong(`${call.name}: packet ${number} of ${packets.sent} of the ${side} was kept to the end, although its recorder was well`);
      else if (!packets.has(number, 'dropped')) wrong(`${call.name}: packet ${number} of ${packets.sent} of the ${side} is nowhere`);
    }
  }
}
