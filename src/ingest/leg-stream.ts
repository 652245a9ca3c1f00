/**
 * What one party says on one leg: what signalling tells of it, and the capture that it is written into.
 *
 * Owns       the capture of the stream, opened with its first packet.
 * Leaves to  leg-media.ts what the description says; flows.ts which packets are its.
 */
import type { Endpoint } from './endpoints.js';
import type { Spool, Spools } from './spool.js';
import type { DescribedStream, Role, StreamDescription } from './stream-description.js';

/** Of a source's addresses and SSRCs so many are remembered, to find the keys that are given for them. */
const mostRemembered = 64;

export class LegStream implements DescribedStream {
  description: StreamDescription = { label: '', party: '', codecs: [], direction: 'active', encrypted: false, crypto: [] };
  /** Of a call, what the other party says. */
  opposite: LegStream | undefined;
  /** Its call is over: no packet is its any more. */
  over = false;
  packets = 0;
  firstAtMs = 0;
  lastAtMs = 0;
  readonly sources = new Set<Endpoint>();
  readonly ssrcs = new Set<number>();
  #lastSource = -1;
  #lastSsrc = -1;
  #spool: Spool | undefined;
  #changed = false;
  #keyIsGiven = false;

  constructor(
    readonly role: Role,
    readonly index: number,
    private readonly spools: Spools,
  ) {}

  /** The capture, once there is one. */
  get spool(): Spool | undefined {
    return this.#spool;
  }

  /** A key is given for it: it is SRTP, whatever signalling says. */
  expectEncrypted(): void {
    if (this.#keyIsGiven) return;
    this.#keyIsGiven = true;
    this.describe(this.description);
  }

  describe(said: StreamDescription): void {
    const description = { ...said, encrypted: said.encrypted || this.#keyIsGiven };
    if (JSON.stringify(description) === JSON.stringify(this.description)) return;
    this.description = description;
    this.#changed = true;
  }

  /** Writes down what has changed since, at that time. */
  async note(atMs: number): Promise<void> {
    if (!this.#changed || this.#spool === undefined) return;
    this.#changed = false;
    await this.#spool.describe(atMs, this);
  }

  /** Takes a packet; its bytes are copied. */
  take(atMs: number, source: Endpoint, rtcp: boolean, bytes: Buffer, start: number, end: number): Promise<void> | undefined {
    if (this.#spool === undefined) return this.#open(atMs, source, rtcp, bytes, start, end);
    if (this.#changed) return this.note(atMs).then(() => this.take(atMs, source, rtcp, bytes, start, end));
    this.lastAtMs = atMs;
    if (!rtcp) this.#count(source, bytes.readUInt32BE(start + 8));
    return this.#spool.packet(atMs, rtcp, bytes, start, end);
  }

  async #open(atMs: number, source: Endpoint, rtcp: boolean, bytes: Buffer, start: number, end: number): Promise<void> {
    this.#changed = false;
    this.firstAtMs = atMs;
    this.#spool = await this.spools.open(atMs, this);
    await this.take(atMs, source, rtcp, bytes, start, end);
  }

  #count(source: Endpoint, ssrc: number): void {
    this.packets += 1;
    if (ssrc === this.#lastSsrc && source === this.#lastSource) return;
    [this.#lastSsrc, this.#lastSource] = [ssrc, source];
    if (this.ssrcs.size < mostRemembered) this.ssrcs.add(ssrc);
    if (this.sources.size < mostRemembered) this.sources.add(source);
  }
}
