/**
 * When the keys of a party were pressed, out of its telephone events (RFC 4733): pure. Which keys they were is told
 * only where the report may say it (report.ts).
 *
 * Invariant  the list never grows beyond `pressLimit`; what comes after that is told by `overflowed`.
 */
import { parseTelephoneEvent, type RtpView } from '../media/index.js';

export interface Press {
  readonly ssrc: number;
  /** RTP timestamp of its beginning. */
  readonly timestamp: number;
  readonly clockRate: number;
  /** 0 to 9, * and # as 10 and 11, A to D as 12 to 15 (RFC 4733 §3.2); others are no keys. */
  readonly event: number;
  durationTicks: number;
  /** When the packet that told the duration came, unix ms. */
  arrivedAtMs: number;
  /** False: the packets of its end were lost. */
  ended: boolean;
}

/** More than any fingers press in a call; each costs memory. */
const pressLimit = 4_096;
/** Packets of a press come among those of the next, and twice where two captures bring them. */
const pressesLookedAt = 8;
/** RFC 4733 §2.3. */
const eventBytes = 4;

export class Presses {
  readonly list: Press[] = [];
  /** Since when presses are not in the list, unix ms. */
  overflowed: number | undefined;

  /** Takes a packet of events. */
  hear(packet: RtpView, clockRate: number, arrivedAtMs: number): void {
    const { ssrc, timestamp, payload } = packet;
    let [durationTicks, ended, first] = [0, false, 0];
    // RFC 4733 §2.5.1.5: several in one packet, each beginning where the one before ends.
    for (let at = 0; at < payload.length; at += eventBytes) {
      const event = parseTelephoneEvent(payload.subarray(at));
      if (typeof event === 'string') break;
      if (at === 0) first = event.event;
      durationTicks += event.durationTicks;
      ended = event.end;
    }
    const known = this.#known(ssrc, timestamp);
    if (known === undefined) {
      if (this.list.length < pressLimit) this.list.push({ ssrc, timestamp, clockRate, event: first, durationTicks, arrivedAtMs, ended });
      else this.overflowed ??= arrivedAtMs;
      return;
    }
    if (durationTicks > known.durationTicks) Object.assign(known, { durationTicks, arrivedAtMs });
    known.ended ||= ended;
  }

  #known(ssrc: number, timestamp: number): Press | undefined {
    for (let back = 1; back <= pressesLookedAt; back += 1) {
      const press = this.list.at(-back);
      if (press?.ssrc === ssrc && press.timestamp === timestamp) return press;
    }
    return undefined;
  }
}
