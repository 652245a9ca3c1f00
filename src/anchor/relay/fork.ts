/**
 * The copy of one direction on its way to the recorder, and what of it no recorder has confirmed.
 *
 * Every packet is kept until a receiver report of the recorder says that it is written (the report's extended highest
 * sequence number, RFC 3550 §6.4.1: what our recorder means by it is in its receiver-reports.ts). So a recording holds the
 * call from its first packet although the recording session begins later, and another recorder gets what a dead one had
 * not written; what a report shows to be lost on the way goes once more to the same one. Either goes in small bursts, and
 * what comes meanwhile waits behind it.
 *
 * Owns       the packets kept for one stream, and what shows that the recorder is gone.
 * Leaves to  confirmed.ts what a report confirms; the proxy what follows when the recorder is gone.
 * Lifetime   stop() drops what is kept; the sockets are closed by whoever opened them.
 */
import { parseCryptoLine, parseRtcp, readLossSummaries, SrtpReceiver } from '../../media/index.js';
import { sameEndpoint, type Endpoint, type MediaSockets } from '../../udp/index.js';
import type { ForkTrouble } from '../door.js';
import { Confirmed } from './confirmed.js';
import { KeptPackets, type BlockShelf, type KeptPacket } from './kept-packets.js';
import type { PacketObserver } from './packet-counts.js';

/** Ten seconds of packets of 20 ms with their RTCP: longer than any recorder may take to answer, or another to take over. */
const maxKeptPackets = 600;
/** As much for 16 kHz of L16; a G.711 call needs 105 kB. */
const maxKeptBytes = 400_000;
const keptMs = 10_000;
/** For a recorder that has not reported in this session: others' may never do. */
const keptUnreportedMs = 6_000;
/** All at once they overflow the receive buffer that Linux gives a socket (212,992 bytes, some 270 packets). */
const burstPackets = 25;
const burstEveryMs = 10;
/** Our recorder reports each second. */
const reportsWithinMs = 2_500;
/** In that time it has written what came, and reported it; at the end what is not reported then is sent again. */
const reportedAfterMs = 1_600;
/** One refusal may be of a port that opens this moment. */
const refusedForMs = 50;
const shortestRtpBytes = 12;
const refusalsTogetherMs = 5_000;
/** A thread that stood still for so long has not heard what came meanwhile. */
export const stoodStillMs = 500;

export interface ForkTarget {
  readonly rtp: Endpoint;
  /** The same as `rtp` where they share a port (RFC 5761). */
  readonly rtcp: Endpoint;
  /** The recorder's `a=crypto` value, by which its reports are encrypted. A secret. */
  readonly crypto?: string | undefined;
  /** It has said that it reports each second what it has written. */
  readonly reports?: boolean | undefined;
}

export interface ForkOptions {
  readonly sockets: MediaSockets;
  readonly observer: PacketObserver;
  readonly shelf: BlockShelf;
  /** Told of each trouble at most once between a start and the detach that follows. */
  readonly told: (trouble: ForkTrouble) => void;
  /** Milliseconds of a clock that does not step. */
  readonly now: () => number;
}

interface Waiting {
  /** When all that is kept was sent. */
  sentMs: number;
  readonly end: (confirmed: boolean) => void;
}

export class Fork {
  readonly #sockets: MediaSockets;
  readonly #told: (trouble: ForkTrouble) => void;
  readonly #now: () => number;
  readonly #kept: KeptPackets;
  readonly #confirmed = new Confirmed();
  readonly #failed: () => void;
  readonly #refused: () => void;
  #target: ForkTarget | undefined;
  #reports: SrtpReceiver | undefined;
  #stopped = false;
  #paused = false;
  #nextBurst: NodeJS.Timeout | undefined;
  /** As of the last look. */
  #nowMs: number;
  /** Whether this recorder has reported in this session, or said that it does. */
  #hasReported = false;
  /** RTP has been sent since the last report, from then on. */
  #awaits = false;
  #awaitsSinceMs = 0;
  #firstRefusedMs: number | undefined;
  readonly #isTold = new Set<ForkTrouble>();
  /** Somebody waits until all is confirmed. */
  #waiting: Waiting | undefined;

  constructor({ sockets, observer, shelf, told, now }: ForkOptions) {
    this.#sockets = sockets;
    this.#told = told;
    this.#now = now;
    this.#nowMs = now();
    this.#kept = new KeptPackets(shelf, maxKeptPackets, maxKeptBytes, (memory, at, rtcp, sent) => {
      if (!rtcp) this.#confirmed.gone(memory, at);
      if (!sent) observer.dropped('queue-full');
    });
    this.#failed = () => observer.dropped('send-failed');
    this.#refused = () => this.#isRefused();
    sockets.rtp.receive((bytes, from) => this.#heard(bytes, from));
    sockets.rtcp.receive((bytes, from) => this.#heard(bytes, from));
  }

  copy(bytes: Buffer, rtcp: boolean): void {
    if (this.#stopped || this.#paused) return;
    const sendsNow = this.#target !== undefined && this.#kept.unsent === 0;
    if (sendsNow) this.#send(bytes, rtcp);
    // No RTP: nobody will ever confirm it.
    if (!rtcp && bytes.length < shortestRtpBytes) return;
    this.#kept.push(bytes, rtcp, this.#nowMs >>> 0, sendsNow);
  }

  /** After detach(), or at first, what is kept goes there; else only the target has moved. */
  start(target: ForkTarget): void {
    const before = this.#target;
    this.#target = target;
    this.#stopped = false;
    if (target.crypto !== before?.crypto) this.#reports = receiverOf(target.crypto);
    if (before === undefined) this.#begin();
    // One that has moved is connected to anew; what it says from now on comes from there.
    this.#sockets.rtp.connect(target.rtp, this.#refused);
    if (this.#nextBurst === undefined) this.#sendKept();
  }

  /**
   * No more packets come; a report shows only what was lost before others came, so the last ones are sent again when no
   * report has confirmed them. Resolves to whether the recorder has reported all of them as written, at the latest after so
   * long; at once to false where nobody reports.
   */
  confirmed(withinMs: number): Promise<boolean> {
    this.#waiting?.end(false);
    if (!this.#holdsRtp()) return Promise.resolve(true);
    if (this.#target === undefined || !this.#hasReported) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#waiting?.end(false), withinMs);
      const end = (confirmed: boolean): void => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(confirmed);
      };
      this.#waiting = { sentMs: this.#nowMs, end };
    });
  }

  /** The recorder has left. What it has not confirmed is for the next one. */
  detach(): void {
    this.#waiting?.end(false);
    this.#target = undefined;
    this.#endBurst();
    this.#kept.rewind();
  }

  /** What comes from now on is not for the recorder; what was kept before is. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  stop(): void {
    this.#waiting?.end(false);
    this.#stopped = true;
    this.#target = undefined;
    this.#kept.clear();
    this.#endBurst();
  }

  /**
   * Called some times a second.
   *
   * @param stoodStill whether the thread has, so that nothing could be heard
   */
  look(nowMs: number, stoodStill: boolean): void {
    this.#nowMs = nowMs;
    this.#kept.dropBefore((nowMs - (this.#target === undefined || this.#hasReported ? keptMs : keptUnreportedMs)) >>> 0);
    if (this.#waiting !== undefined && nowMs - this.#waiting.sentMs >= reportedAfterMs) {
      this.#waiting.sentMs = nowMs;
      this.#sendAgain();
    }
    if (!this.#awaits || !this.#hasReported || this.#target === undefined) return;
    if (stoodStill) this.#awaitsSinceMs = nowMs;
    else if (nowMs - this.#awaitsSinceMs >= reportsWithinMs) this.#tell('no-reports');
  }

  #begin(): void {
    this.#confirmed.clear();
    this.#hasReported = this.#target?.reports === true;
    this.#awaits = false;
    this.#isTold.clear();
    this.#firstRefusedMs = undefined;
  }

  #tell(trouble: ForkTrouble): void {
    if (this.#isTold.has(trouble)) return;
    this.#isTold.add(trouble);
    this.#told(trouble);
  }

  #isRefused(): void {
    if (this.#target === undefined) return;
    const nowMs = this.#now();
    if (this.#firstRefusedMs === undefined || nowMs - this.#firstRefusedMs > refusalsTogetherMs) {
      this.#firstRefusedMs = nowMs;
      this.#tell('port-refused');
    } else if (nowMs - this.#firstRefusedMs >= refusedForMs) this.#tell('port-unreachable');
  }

  /** What the recorder reports; anything else is passed over. */
  #heard(bytes: Buffer, from: Endpoint): void {
    const target = this.#target;
    if (target === undefined || !(sameEndpoint(from, target.rtp) || from.address === target.rtcp.address)) return;
    const clear = target.crypto === undefined ? bytes : (this.#reports?.unprotectRtcp(bytes) ?? 'auth-failed');
    const packets = typeof clear === 'string' ? clear : parseRtcp(clear);
    if (typeof packets === 'string') return;
    const blocks = packets.flatMap((packet) => (packet.type === 'RR' || packet.type === 'SR' ? packet.reports : []));
    if (blocks.length === 0) return;
    const summaries = packets.flatMap((packet) => (packet.type === 'other' ? readLossSummaries(packet) : []));
    let isLacking = false;
    for (const block of blocks) {
      const begin = summaries.find(({ ssrc }) => ssrc === block.ssrc)?.begin;
      if (this.#confirmed.report(block, begin, this.#kept) === 'lost-on-the-way') isLacking = true;
    }
    this.#hasReported = true;
    this.#awaits = false;
    this.#firstRefusedMs = undefined;
    this.#kept.letGo((memory, at, rtcp) => rtcp || this.#confirmed.has(memory, at));
    if (this.#waiting !== undefined && !this.#holdsRtp()) this.#waiting.end(true);
    else if (isLacking) this.#sendAgain();
  }

  /** Whether anything is kept that a recorder is to confirm. */
  #holdsRtp(): boolean {
    let holds = false;
    this.#kept.each((_memory, _at, rtcp) => {
      holds ||= !rtcp;
    });
    return holds;
  }

  /** Which of them are lacking no report tells, and those that have come do no harm. */
  #sendAgain(): void {
    this.#kept.rewind();
    if (this.#nextBurst === undefined) this.#sendKept();
  }

  #sendKept(): void {
    this.#nextBurst = undefined;
    for (let n = 0; n < burstPackets && this.#target !== undefined; n += 1) {
      const kept: KeptPacket | undefined = this.#kept.takeUnsent();
      if (kept === undefined) return;
      this.#send(kept.bytes, kept.rtcp);
    }
    if (this.#kept.unsent > 0) this.#nextBurst = setTimeout(() => this.#sendKept(), burstEveryMs);
  }

  #endBurst(): void {
    clearTimeout(this.#nextBurst);
    this.#nextBurst = undefined;
  }

  #send(bytes: Buffer, rtcp: boolean): void {
    const target = this.#target;
    if (target === undefined) return;
    if (rtcp && target.rtcp.port !== target.rtp.port) {
      this.#sockets.rtcp.send(bytes, target.rtcp, this.#failed);
      return;
    }
    // What is on hold sends RTCP only, and nothing is reported of that.
    if (!this.#awaits && !rtcp) {
      this.#awaits = true;
      this.#awaitsSinceMs = this.#nowMs;
    }
    this.#sockets.rtp.send(bytes, target.rtp, this.#failed);
  }
}

function receiverOf(crypto: string | undefined): SrtpReceiver | undefined {
  const line = crypto === undefined ? 'malformed' : parseCryptoLine(crypto);
  return typeof line === 'string' ? undefined : new SrtpReceiver(line);
}
