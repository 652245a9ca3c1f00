/**
 * Packets of media to the streams that they are of.
 *
 * A flow is what goes from one place to another. It is of a stream because SDP names either place; else because what
 * goes the other way is of that call (symmetric RTP, RFC 4961), or a source that is known came from elsewhere a moment ago; else by its ports; else
 * because somebody said so (bare-calls.ts). What belongs to nothing yet is kept for some seconds: media may be there before the SDP
 * that explains it.
 *
 * Only what looks like RTP or RTCP is looked at, and guesses need packets that follow one another as RTP does.
 *
 * Owns       the flows, and what is kept.
 * Leaves to  the stitcher order, loss and keys.
 */
import { isRtcp, rtpHeaderBytes } from '../media/index.js';
import type { BareCalls } from './bare-calls.js';
import type { Endpoint } from './endpoints.js';
import type { KeyRing } from './key-ring.js';
import type { LegStream } from './leg-stream.js';
import type { Losses } from './losses.js';
import type { MediaRegistry } from './media-registry.js';
import { PairMap } from './pair-map.js';

const keptMs = 5_000;
const mostKeptPackets = 512;
const mostKeptBytes = 32 << 20;
const mostFlows = 65_536;
const sweepMs = 5_000;
const idleTimeoutMs = 15_000;
/** So many packets in a row make a flow RTP, for a guess and for telling of it. */
const steadyPackets = 3;
/** A source that goes on from elsewhere leaves where it was; one that is heard at both is copied. */
const [movedAfterMs, movedWithinMs] = [200, 10_000];

export interface Flow {
  readonly source: Endpoint;
  readonly target: Endpoint;
  readonly firstAtMs: number;
  lastAtMs: number;
  stream: LegStream | undefined;
  /** Of the registry, when it was last asked. */
  version: number;
  wasClaimed: boolean;
  ssrc: number;
  sequence: number;
  payloadType: number;
  packets: number;
  /** How many packets followed the one before. */
  steady: number;
  kept: { readonly atMs: number; readonly rtcp: boolean; readonly bytes: Buffer }[];
  dropped: number;
}

/** An RTP stream that no call explains. */
export interface Unclaimed {
  readonly source: Endpoint;
  readonly target: Endpoint;
  readonly ssrc: number;
  readonly payloadType: number;
  readonly packets: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

const mostUnclaimed = 1_000;

export class Flows {
  readonly #flows = new PairMap<Flow>();
  readonly #bySsrc = new Map<number, Flow>();
  readonly #unclaimed: Unclaimed[] = [];
  #keptBytes = 0;
  #sweptAtMs = 0;

  constructor(
    private readonly registry: MediaRegistry,
    private readonly bare: BareCalls,
    private readonly keys: KeyRing,
    private readonly losses: Losses,
  ) {}

  /** For tests of its bounds. */
  get held(): { readonly flows: number; readonly keptBytes: number } {
    return { flows: this.#flows.size, keptBytes: this.#keptBytes };
  }

  take(atMs: number, source: Endpoint, target: Endpoint, bytes: Buffer, start: number, end: number): Promise<void> | undefined {
    const second = bytes[start + 1] ?? 0;
    const rtcp = second >= 192 && second <= 223;
    let flow = this.#flows.get(source, target);
    if (flow === undefined) {
      if (!looksLikeMedia(bytes, start, end, rtcp)) return undefined;
      flow = this.#open(atMs, source, target);
      if (flow === undefined) return undefined;
    }
    flow.lastAtMs = Math.max(flow.lastAtMs, atMs);
    if (end - start < (rtcp ? 8 : 12)) return undefined;
    if (flow.stream !== undefined && flow.version === this.registry.version) return flow.stream.take(atMs, source, rtcp, bytes, start, end);
    return this.#consider(flow, atMs, rtcp, bytes, start, end);
  }

  /** RTP that belongs to no call, the longest first. */
  unclaimed(): readonly Unclaimed[] {
    for (const flow of this.#flows.values()) this.#remember(flow);
    this.#flows.removeWhere(() => true);
    return this.#unclaimed.sort((a, b) => b.packets - a.packets);
  }

  #open(atMs: number, source: Endpoint, target: Endpoint): Flow | undefined {
    if (Math.abs(atMs - this.#sweptAtMs) > sweepMs || this.#flows.size >= mostFlows) this.#sweep(atMs);
    if (this.#flows.size >= mostFlows) {
      this.losses.count('media-forgotten');
      return undefined;
    }
    const flow: Flow = { source, target, firstAtMs: atMs, lastAtMs: atMs, stream: undefined, version: -1, wasClaimed: false, ssrc: -1, sequence: -1, payloadType: -1, packets: 0, steady: 0, kept: [], dropped: 0 };
    this.#flows.set(source, target, flow);
    return flow;
  }

  #consider(flow: Flow, atMs: number, rtcp: boolean, bytes: Buffer, start: number, end: number): Promise<void> | undefined {
    if (!rtcp) look(flow, bytes, start);
    if (flow.version !== this.registry.version || flow.stream === undefined) {
      flow.version = this.registry.version;
      flow.stream = this.#streamOf(flow, atMs, rtcp);
    }
    if (flow.stream === undefined) {
      this.#keep(flow, atMs, rtcp, bytes, start, end);
      return undefined;
    }
    flow.wasClaimed = true;
    if (this.keys.names(flow.source, flow.ssrc)) flow.stream.expectEncrypted();
    if (!rtcp) this.#bySsrc.set(flow.ssrc, flow);
    if (flow.kept.length === 0) return flow.stream.take(atMs, flow.source, rtcp, bytes, start, end);
    return this.#giveKept(flow, flow.stream, atMs, rtcp, bytes, start, end);
  }

  #streamOf(flow: Flow, atMs: number, rtcp: boolean): LegStream | undefined {
    const { source, target } = flow;
    const exact = this.registry.exact(source, target, atMs);
    if (exact !== undefined) return exact;
    const back = this.#flows.get(target, source)?.stream;
    if (back !== undefined) return back.opposite;
    const said = this.bare.streamOf(flow, atMs);
    if (said !== undefined) return said;
    // What was guessed holds until somebody says otherwise, or the call is over.
    if (flow.stream !== undefined && !flow.stream.over) return flow.stream;
    if (rtcp || flow.steady < steadyPackets) return undefined;
    return this.#moved(flow, atMs) ?? this.registry.byPorts(source, target, flow.payloadType, atMs);
  }

  /** The stream of a source that was elsewhere until now. */
  #moved(flow: Flow, atMs: number): LegStream | undefined {
    const before = this.#bySsrc.get(flow.ssrc);
    if (before?.stream === undefined || before === flow) return undefined;
    const silentMs = atMs - before.lastAtMs;
    return silentMs > movedAfterMs && silentMs < movedWithinMs ? before.stream : undefined;
  }

  async #giveKept(flow: Flow, stream: LegStream, atMs: number, rtcp: boolean, bytes: Buffer, start: number, end: number): Promise<void> {
    const { kept, source } = flow;
    this.#forgetKept(flow);
    for (const one of kept) await stream.take(one.atMs, source, one.rtcp, one.bytes, 0, one.bytes.length);
    if (flow.dropped > 0) this.losses.count('media-forgotten', flow.dropped);
    flow.dropped = 0;
    await stream.take(atMs, source, rtcp, bytes, start, end);
  }

  #keep(flow: Flow, atMs: number, rtcp: boolean, bytes: Buffer, start: number, end: number): void {
    // What comes after its call has no other.
    if (flow.wasClaimed) return;
    while (flow.kept.length >= mostKeptPackets || (flow.kept[0] !== undefined && atMs - flow.kept[0].atMs > keptMs)) {
      this.#keptBytes -= flow.kept.shift()?.bytes.length ?? 0;
      flow.dropped += 1;
    }
    if (this.#keptBytes + end - start > mostKeptBytes) {
      flow.dropped += 1;
      return;
    }
    flow.kept.push({ atMs, rtcp, bytes: Buffer.from(bytes.subarray(start, end)) });
    this.#keptBytes += end - start;
  }

  #forgetKept(flow: Flow): void {
    for (const { bytes } of flow.kept) this.#keptBytes -= bytes.length;
    flow.kept = [];
  }

  #sweep(nowMs: number): void {
    this.#sweptAtMs = nowMs;
    this.#flows.removeWhere((flow) => {
      if (nowMs - flow.lastAtMs < idleTimeoutMs) return false;
      this.#remember(flow);
      return true;
    });
  }

  #remember(flow: Flow): void {
    this.#forgetKept(flow);
    if (this.#bySsrc.get(flow.ssrc) === flow) this.#bySsrc.delete(flow.ssrc);
    if (flow.wasClaimed || flow.steady < steadyPackets || this.#unclaimed.length >= mostUnclaimed) return;
    const { source, target, ssrc, payloadType, packets, firstAtMs, lastAtMs } = flow;
    this.#unclaimed.push({ source, target, ssrc, payloadType, packets, firstAtMs, lastAtMs });
  }
}

function looksLikeMedia(bytes: Buffer, start: number, end: number, rtcp: boolean): boolean {
  if (end - start < 8) return false;
  const packet = bytes.subarray(start, end);
  return rtcp ? isRtcp(packet) : typeof rtpHeaderBytes(packet) === 'number';
}

function look(flow: Flow, bytes: Buffer, start: number): void {
  const sequence = bytes.readUInt16BE(start + 2);
  const ssrc = bytes.readUInt32BE(start + 8);
  flow.payloadType = bytes.readUInt8(start + 1) & 0x7f;
  const step = (sequence - flow.sequence) & 0xffff;
  flow.steady = ssrc === flow.ssrc && step >= 1 && step <= 16 ? flow.steady + 1 : Math.min(flow.steady, 0);
  flow.ssrc = ssrc;
  flow.sequence = sequence;
  flow.packets += 1;
}
