/**
 * For the simulation of failover: one side's packets that are kept until a report confirms them. A model of the relay's
 * Fork and Confirmed, with their bounds, in which a packet is a number.
 */
import type { ForkTrouble, Side } from '../anchor/index.js';
import type { VirtualClock } from '../recorder-pool/virtual-clock.fixture.js';
import type { SentPackets, WrittenLine, WrittenReport } from './failover-packets.fixture.js';

export interface KeptWorld {
  readonly clock: VirtualClock;
  readonly packet: (session: string, side: Side, number: number) => 'sent' | 'refused';
  readonly wrong: (what: string) => void;
}

const keptMs = 10_000;
const keptUnreportedMs = 6_000;
const mostKept = 600;
/** 25 each 10 ms, by a look each 50 ms. */
const burstPackets = 125;
const reportsWithinMs = 2_500;
const reportedAfterMs = 1_600;
const refusedForMs = 50;
const refusalsTogetherMs = 5_000;
const mostRepeats = 3;

interface Kept {
  readonly number: number;
  readonly atMs: number;
}

export class KeptStream {
  #kept: Kept[] = [];
  /** How many of them, the first ones, have been sent. */
  #sent = 0;
  #session: string | undefined;
  #stopped = false;
  #hasReported = false;
  #awaits = false;
  #awaitsSinceMs = 0;
  #firstRefusedMs: number | undefined;
  #isTold = false;
  #extended = -1;
  #first = 0;
  #highest: number | undefined;
  #lost = 0;
  #repeats = 0;
  #gone = 0;
  #mark = { to: -1, lost: 0 };
  /** When the call has ended and all that is kept was sent. */
  #sentAtEndMs: number | undefined;

  constructor(readonly side: Side, readonly packets: SentPackets, readonly world: KeptWorld, readonly told: (trouble: ForkTrouble) => void) {}

  get isConfirmed(): boolean {
    return this.#kept.length === 0;
  }

  /** Whether this recorder has. */
  get reports(): boolean {
    return this.#session !== undefined && this.#hasReported;
  }

  /** Somebody waits until all is confirmed. */
  ends(): void {
    this.#sentAtEndMs = this.world.clock.now();
  }

  get count(): number {
    return this.#kept.length;
  }

  copy(number: number): void {
    if (this.#stopped) {
      this.packets.mark(number, 'unwanted');
      return;
    }
    const sendsNow = this.#session !== undefined && this.#sent === this.#kept.length;
    this.#kept.push({ number, atMs: this.world.clock.now() });
    if (sendsNow) {
      this.#sent += 1;
      this.#send(number);
    }
    if (this.#kept.length > mostKept) this.#drop(1);
  }

  start(session: string): void {
    const before = this.#session;
    this.#session = session;
    this.#stopped = false;
    if (before === undefined) {
      // The answer says that it will.
      this.#hasReported = true;
      this.#awaits = this.#isTold = false;
      this.#firstRefusedMs = this.#highest = undefined;
      this.#extended = -1;
      this.#lost = this.#repeats = this.#gone = 0;
    }
    this.#sendKept();
  }

  detach(): void {
    this.#session = this.#sentAtEndMs = undefined;
    this.#sent = 0;
  }

  stop(): void {
    this.#stopped = true;
    for (const { number } of this.#kept) this.packets.mark(number, 'unwanted');
    this.#letGo(this.#kept.length);
    this.#session = undefined;
  }

  close(): void {
    for (const { number } of this.#kept) this.packets.mark(number, 'left');
    this.#kept = [];
    this.#sent = 0;
    this.#session = undefined;
  }

  look(): void {
    const nowMs = this.world.clock.now();
    const oldestMs = nowMs - (this.#session === undefined || this.#hasReported ? keptMs : keptUnreportedMs);
    let old = 0;
    while ((this.#kept[old]?.atMs ?? Infinity) < oldestMs) old += 1;
    if (old > 0) this.#drop(old);
    if (this.#sentAtEndMs !== undefined && nowMs - this.#sentAtEndMs >= reportedAfterMs) {
      this.#sentAtEndMs = nowMs;
      this.#sent = 0;
    }
    if (this.#session !== undefined) this.#sendKept();
    if (this.#awaits && this.#hasReported && this.#session !== undefined && nowMs - this.#awaitsSinceMs >= reportsWithinMs) this.#tell('no-reports');
  }

  heard(session: string, report: WrittenReport, line: WrittenLine): void {
    if (session !== this.#session) return;
    const isLacking = this.#confirms(report);
    this.#hasReported = true;
    this.#awaits = false;
    this.#firstRefusedMs = undefined;
    let done = 0;
    for (; done < this.#sent; done += 1) {
      const number = this.#kept[done]?.number ?? Infinity;
      if (number > (this.#highest ?? -1)) break;
      if (!line.hasWritten(number)) this.packets.mark(number, 'unsure');
    }
    this.#letGo(done);
    if (isLacking) this.#sent = 0;
  }

  /** @returns whether something was lost on the way */
  #confirms({ first, highest, lost: lostSince }: WrittenReport): boolean {
    const [kept] = this.#kept;
    if ((this.#highest === undefined && kept === undefined) || highest <= this.#extended) return false;
    if (this.#highest === undefined) {
      this.#first = kept?.number ?? 0;
      this.#highest = this.#first - 1;
    }
    const lost = lostSince + Math.max(0, first - this.#first);
    this.#extended = highest;
    if (this.#repeats > 0) this.#mark.lost = Math.min(this.#mark.lost, lost);
    if (this.#repeats === mostRepeats && this.#lacks(highest, lost)) {
      this.#highest = this.#mark.to;
      this.#lost = this.#mark.lost;
      this.#repeats = this.#gone = 0;
    }
    if (this.#lacks(highest, lost)) {
      if (this.#repeats === 0) this.#mark = { to: highest, lost };
      this.#repeats += 1;
      return true;
    }
    this.#highest = Math.max(this.#highest, highest);
    this.#lost = lost;
    this.#repeats = this.#gone = 0;
    return false;
  }

  #lacks(highest: number, lost: number): boolean {
    const from = this.#highest ?? -1;
    const sent = this.#kept.filter(({ number }) => number > from && number <= highest).length;
    return lost > this.#lost && lost - this.#lost > Math.max(0, highest - from - sent - this.#gone);
  }

  #drop(count: number): void {
    for (const { number } of this.#kept.slice(0, count)) {
      this.packets.mark(number, 'dropped');
      if (this.#highest !== undefined && number > this.#highest) this.#gone += 1;
    }
    this.#letGo(count);
  }

  #letGo(count: number): void {
    if (count === 0) return;
    this.#kept.splice(0, count);
    this.#sent = Math.max(0, this.#sent - count);
  }

  #sendKept(): void {
    for (let n = 0; n < burstPackets && this.#session !== undefined && this.#sent < this.#kept.length; n += 1) {
      const { number } = this.#kept[this.#sent] as Kept;
      this.#sent += 1;
      this.#send(number);
    }
  }

  #send(number: number): void {
    if (this.#session === undefined) return;
    const nowMs = this.world.clock.now();
    if (!this.#awaits) {
      this.#awaits = true;
      this.#awaitsSinceMs = nowMs;
    }
    if (this.world.packet(this.#session, this.side, number) === 'sent') return;
    if (this.#firstRefusedMs === undefined || nowMs - this.#firstRefusedMs > refusalsTogetherMs) this.#firstRefusedMs = nowMs;
    else if (nowMs - this.#firstRefusedMs >= refusedForMs) this.#tell('port-unreachable');
  }

  #tell(trouble: ForkTrouble): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.told(trouble);
  }
}
