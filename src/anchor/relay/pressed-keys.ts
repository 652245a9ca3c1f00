/**
 * The keys that the parties press, out of the telephone events in their RTP (RFC 4733), as far as it comes in clear.
 *
 * An event is many packets with one timestamp, the last of them three times: it is told with the first that comes.
 */
import { parseRtp, parseTelephoneEvent } from '../../media/index.js';
import type { SdpMedia } from '../../sip/index.js';
import type { DigitListener, Side } from '../door.js';

/** RFC 4733 §3.2, events 0 to 15. */
const keys = '0123456789*#ABCD';
/** Packets of the event before may still come while the next one is under way. */
const eventsKept = 4;

interface Heard {
  payloadTypes: ReadonlySet<number>;
  /** Source and timestamp of the events told last. */
  told: readonly string[];
}

const none: ReadonlySet<number> = new Set();

export class PressedKeys {
  readonly #listener: DigitListener;
  readonly #heard: Record<Side, Heard> = { caller: { payloadTypes: none, told: [] }, callee: { payloadTypes: none, told: [] } };

  constructor(listener: DigitListener) {
    this.#listener = listener;
  }

  /** What the packets of `from` may be, by the SDP of the one who receives them. */
  describe(from: Side, receiver: SdpMedia | undefined): void {
    const inClear = receiver !== undefined && !receiver.protocol.includes('SAVP');
    const events = inClear ? receiver.codecs.filter(({ name }) => name.toLowerCase() === 'telephone-event') : [];
    this.#heard[from].payloadTypes = new Set(events.map(({ payloadType }) => payloadType));
  }

  /** Called for each packet: one that is no event costs a look at its second byte. */
  hear(from: Side, bytes: Buffer): void {
    const heard = this.#heard[from];
    if (heard.payloadTypes.size === 0 || !heard.payloadTypes.has((bytes[1] ?? 0) & 0x7f)) return;
    const packet = parseRtp(bytes);
    if (typeof packet === 'string') return;
    const event = parseTelephoneEvent(packet.payload);
    const key = typeof event === 'string' ? undefined : keys[event.event];
    const name = `${packet.ssrc} ${packet.timestamp}`;
    if (key === undefined || heard.told.includes(name)) return;
    heard.told = [name, ...heard.told].slice(0, eventsKept);
    this.#listener(from, key);
  }
}
