/**
 * The keys that the parties press, out of the telephone events in their RTP (RFC 4733).
 *
 * An event is many packets with one timestamp, the last of them three times: it is told with the first that comes.
 *
 * Leaves to  event-packets.ts which packets are events.
 */
import { parseRtp, parseTelephoneEvent } from '../../media/index.js';
import type { DigitListener, Side } from '../door.js';

/** RFC 4733 §3.2, events 0 to 15. */
const keys = '0123456789*#ABCD';
/** Packets of the event before may still come while the next one is under way. */
const eventsKept = 4;

export class PressedKeys {
  readonly #listener: DigitListener;
  /** Source and timestamp of the events told last. */
  readonly #told: Record<Side, readonly string[]> = { caller: [], callee: [] };

  constructor(listener: DigitListener) {
    this.#listener = listener;
  }

  /** Called for each packet that is an event. */
  hear(from: Side, bytes: Buffer): void {
    const packet = parseRtp(bytes);
    if (typeof packet === 'string') return;
    const event = parseTelephoneEvent(packet.payload);
    const key = typeof event === 'string' ? undefined : keys[event.event];
    const name = `${packet.ssrc} ${packet.timestamp}`;
    if (key === undefined || this.#told[from].includes(name)) return;
    this.#told[from] = [name, ...this.#told[from]].slice(0, eventsKept);
    this.#listener(from, key);
  }
}
