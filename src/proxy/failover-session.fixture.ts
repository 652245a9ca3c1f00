/**
 * For the simulation of failover: a recording session as the recorder has it, with the client's end of its dialog.
 *
 * Leaves to  failover-recorder.fixture.ts whether anything reaches the recorder, and what it answers.
 */
import { EventEmitter } from 'node:events';
import { sides, type Side } from '../anchor/index.js';
import type { SentBySide, SentPackets, WrittenLine, WrittenReport } from './failover-packets.fixture.js';

class Line implements WrittenLine {
  /** Those that came, in the order to write them. */
  #pending: { readonly number: number; readonly atMs: number }[] = [];
  readonly #came: Uint8Array;
  readonly #written: Uint8Array;
  readonly #sent: SentPackets;
  #first = Infinity;
  #highest = -1;
  #count = 0;

  constructor(sent: SentPackets) {
    this.#sent = sent;
    this.#came = new Uint8Array(sent.most);
    this.#written = new Uint8Array(sent.most);
  }

  take(number: number, nowMs: number): void {
    if (this.#came[number] === 1) return;
    this.#came[number] = 1;
    this.#pending.push({ number, atMs: nowMs });
  }

  write(beforeMs: number): void {
    let done = 0;
    for (const { number, atMs } of this.#pending) {
      if (atMs > beforeMs) break;
      done += 1;
      this.#written[number] = 1;
      this.#sent.mark(number, 'written');
      this.#first = Math.min(this.#first, number);
      this.#highest = Math.max(this.#highest, number);
      this.#count += 1;
    }
    if (done > 0) this.#pending.splice(0, done);
  }

  report(): WrittenReport | undefined {
    return this.#highest < 0 ? undefined : { first: this.#first, highest: this.#highest, lost: this.#highest - this.#first + 1 - this.#count };
  }

  hasWritten(number: number): boolean {
    return this.#written[number] === 1;
  }
}

/** Who gets the reports of a session: the fork whose copies go there. */
export interface Reported {
  heard(session: string, side: Side, report: WrittenReport, line: WrittenLine): void;
}

export class RecorderSession {
  readonly #lines: Readonly<Record<Side, Line>>;
  nextReportMs: number;
  /** The client has said BYE, heard or not. */
  isLeft = false;
  /** So many packets are lost on their way, of those that come before that instant. */
  #losing = { packets: 0, untilMs: 0 };

  constructor(
    readonly id: string,
    readonly copy: string,
    sent: SentBySide,
    readonly reported: Reported,
    /** The client's end. */
    readonly dialog: ClientDialog,
    nowMs: number,
  ) {
    this.#lines = { caller: new Line(sent.caller), callee: new Line(sent.callee) };
    this.nextReportMs = nowMs + 1_000;
  }

  loses(packets: number, untilMs: number): void {
    this.#losing = { packets, untilMs };
  }

  isLostOnTheWay(nowMs: number): boolean {
    if (this.#losing.packets === 0 || nowMs > this.#losing.untilMs) return false;
    this.#losing.packets -= 1;
    return true;
  }

  take(side: Side, number: number, nowMs: number): void {
    this.#lines[side].take(number, nowMs);
  }

  write(beforeMs: number): void {
    for (const side of sides) this.#lines[side].write(beforeMs);
  }

  report(): void {
    for (const side of sides) {
      const report = this.#lines[side].report();
      if (report !== undefined) this.reported.heard(this.id, side, report, this.#lines[side]);
    }
  }
}

interface Asked {
  readonly reinvite: (answer: (status: number, body: string) => void) => void;
  readonly bye: (answer: (status: number) => void) => void;
}

/** What stands for drachtio-srf's Dialog. */
export class ClientDialog extends EventEmitter {
  readonly remote: { readonly sdp: string };
  readonly req = {};
  readonly #asked: Asked;
  #isEnded = false;

  constructor(sdp: string, asked: Asked) {
    super();
    this.remote = { sdp };
    this.#asked = asked;
  }

  readonly srf = {
    request: ({ method }: { readonly method: string }, sent: (error: null, request: EventEmitter) => void): void => {
      const outgoing = new EventEmitter();
      const answer = (status: number, body = ''): void => void outgoing.emit('response', { status, reason: 'said so', body, has: () => false }, () => undefined);
      if (method === 'BYE') this.#bye(answer);
      else this.#asked.reinvite(answer);
      sent(null, outgoing);
    },
  };

  destroy(_options: object, done: () => void): void {
    this.#bye(() => undefined);
    done();
  }

  #bye(answer: (status: number) => void): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#asked.bye(answer);
  }
}
