/**
 * SIP messages out of TCP segments: in order, each once, whole (RFC 3261 §18.3).
 *
 * Only connections that carry SIP are followed: those seen from their SYN whose first bytes may be SIP, and others from
 * the first segment on that begins with a SIP message. Behind bytes that are missing from the capture it goes on with the
 * next segment that begins with a message.
 *
 * Owns       the order of segments, and bounds on what waits.
 * Leaves to  edge/ where a message ends; sip-message.ts what it says.
 */
import { StreamFraming } from '../edge/index.js';
import type { TcpSegment } from './dissector.js';
import type { Losses } from './losses.js';
import { PairMap } from './pair-map.js';
import { beginsSip } from './sip-message.js';

const mostStreams = 32_768;
const mostWaitingBytes = 262_144;
const mostWaitingSegments = 256;
/** What has not come within this time was not captured. */
const gapTimeoutMs = 5_000;
const idleTimeoutMs = 1_800_000;
const longestMessage = 65_536;

interface Stream {
  /** Sequence number of the byte that comes next. */
  next: number;
  /** Undefined behind a gap, until a message begins. */
  framing: StreamFraming | undefined;
  /** A message of it has come; one that was seen from its SYN may be anything before that. */
  isSip: boolean;
  readonly waiting: Map<number, Buffer>;
  waitingBytes: number;
  waitingSinceMs: number;
  lastAtMs: number;
}

/** How far on `sequence` is, negative when it is behind (RFC 9293 §3.4: modulo 2^32). */
const ahead = (sequence: number, next: number): number => (sequence - next) | 0;

const none: readonly string[] = [];

export class TcpStreams {
  readonly #streams = new PairMap<Stream>();

  constructor(private readonly losses: Losses) {}

  get size(): number {
    return this.#streams.size;
  }

  /** The messages that a segment completes. */
  take(atMs: number, segment: TcpSegment): readonly string[] {
    const { source, target, sequence, syn, ends, start, end } = segment;
    let stream = this.#streams.get(source, target);
    if (syn) {
      // The same SYN again, or a new connection on the same ports.
      if (stream === undefined || stream.next !== ((sequence + 1) >>> 0)) stream = this.#open(source, target, (sequence + 1) >>> 0, atMs, false);
      return none;
    }
    if (start < end) {
      stream ??= beginsSip(segment.bytes, start, end) ? this.#open(source, target, sequence, atMs, true) : undefined;
      if (stream === undefined) return none;
      stream.lastAtMs = atMs;
      const messages = this.#data(stream, atMs, segment);
      if (messages === undefined) {
        this.#streams.delete(source, target);
        return none;
      }
      return messages;
    }
    if (ends && stream !== undefined && stream.waiting.size === 0) this.#streams.delete(source, target);
    return none;
  }

  #open(source: number, target: number, next: number, atMs: number, isSip: boolean): Stream | undefined {
    if (this.#streams.size >= mostStreams) {
      this.#streams.removeWhere(({ lastAtMs }) => atMs - lastAtMs > idleTimeoutMs);
      if (this.#streams.size >= mostStreams) {
        this.losses.count('tcp-full');
        return undefined;
      }
    }
    const stream: Stream = { next, framing: new StreamFraming(longestMessage), isSip, waiting: new Map(), waitingBytes: 0, waitingSinceMs: 0, lastAtMs: atMs };
    this.#streams.set(source, target, stream);
    return stream;
  }

  /** Undefined when this is no SIP. */
  #data(stream: Stream, atMs: number, { sequence, bytes, start, end }: TcpSegment): readonly string[] | undefined {
    const distance = ahead(sequence, stream.next);
    if (distance > 0) {
      if (stream.waiting.size === 0) stream.waitingSinceMs = atMs;
      if (!stream.waiting.has(sequence)) {
        stream.waiting.set(sequence, Buffer.from(bytes.subarray(start, end)));
        stream.waitingBytes += end - start;
      }
      const tooMuch = stream.waitingBytes > mostWaitingBytes || stream.waiting.size > mostWaitingSegments;
      if (!tooMuch && atMs - stream.waitingSinceMs < gapTimeoutMs) return none;
      if (!stream.isSip) return undefined;
      this.#skipGap(stream);
      return this.#waiting(stream, []);
    }
    if (start - distance >= end) return none;
    const messages = this.#inOrder(stream, bytes, start - distance, end);
    return messages === undefined ? undefined : this.#waiting(stream, messages);
  }

  #inOrder(stream: Stream, bytes: Buffer, start: number, end: number): string[] | undefined {
    stream.next = (stream.next + end - start) >>> 0;
    if (stream.framing === undefined) {
      if (!beginsSip(bytes, start, end)) return [];
      stream.framing = new StreamFraming(longestMessage);
    } else if (!stream.framing.unfinished && !mayBeSip(bytes.readUInt8(start))) {
      return undefined;
    }
    const { messages, reason } = stream.framing.push(bytes.toString('latin1', start, end));
    stream.isSip ||= messages[0] !== undefined && startLine.test(messages[0]);
    if (!stream.isSip && (reason !== undefined || messages.length > 0)) return undefined;
    if (reason !== undefined) {
      stream.framing = undefined;
      this.losses.count('sip-gaps');
    }
    return [...messages];
  }

  /** What has waited and now follows on. */
  #waiting(stream: Stream, messages: string[]): readonly string[] | undefined {
    for (let found = true; found; ) {
      found = false;
      for (const [sequence, bytes] of stream.waiting) {
        const distance = ahead(sequence, stream.next);
        if (distance > 0) continue;
        stream.waiting.delete(sequence);
        stream.waitingBytes -= bytes.length;
        if (-distance >= bytes.length) continue;
        const more = this.#inOrder(stream, bytes, -distance, bytes.length);
        if (more === undefined) return undefined;
        messages.push(...more);
        found = true;
      }
    }
    return messages;
  }

  #skipGap(stream: Stream): void {
    let nearest: number | undefined;
    for (const sequence of stream.waiting.keys()) if (nearest === undefined || ahead(sequence, nearest) < 0) nearest = sequence;
    stream.next = nearest ?? stream.next;
    stream.framing = undefined;
    this.losses.count('sip-gaps');
  }
}

const startLine = /^(?:SIP\/2\.0 |[^\n]* SIP\/2\.0\s*\n)/u;

/** A method, a response, or the line ends that keep a connection alive (RFC 5626 §3.5.1). */
const mayBeSip = (byte: number): boolean => (byte >= 0x41 && byte <= 0x5a) || byte === 0x0d || byte === 0x0a;
