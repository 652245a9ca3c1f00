/**
 * Calls of which there is only media: `--rtp` says what it is, or `--keys` names the stream. The two directions between
 * one pair of places are one call.
 */
import type { CaptureCodec } from '../capture/index.js';
import { addressOf, endpointOf, portOf, type Addresses, type Endpoint } from './endpoints.js';
import type { KeyRing } from './key-ring.js';
import { LegStream } from './leg-stream.js';
import { PairMap } from './pair-map.js';
import { staticCodecs, type RtpRule, type Side } from './rtp-rules.js';
import type { Spools } from './spool.js';

/** Without a packet for so long it is over; the next one begins another. */
const silenceTimeoutMs = 120_000;
const mostCalls = 20_000;

export interface BareCall {
  readonly id: string;
  readonly caller: Endpoint;
  readonly callee: Endpoint;
  readonly startedAtMs: number;
  readonly streams: Readonly<Record<Side, LegStream>>;
}

interface FlowFacts {
  readonly source: Endpoint;
  readonly target: Endpoint;
  readonly ssrc: number;
}

export class BareCalls {
  readonly #calls = new PairMap<BareCall>();
  readonly #rules = new Map<Endpoint, RtpRule>();

  constructor(
    rules: readonly RtpRule[],
    private readonly keys: KeyRing,
    private readonly addresses: Addresses,
    private readonly spools: Spools,
  ) {
    for (const rule of rules) {
      const address = addresses.read(rule.host);
      if (address !== undefined) this.#rules.set(endpointOf(address, rule.port), rule);
    }
  }

  streamOf({ source, target, ssrc }: FlowFacts, atMs: number): LegStream | undefined {
    const known = this.#calls.get(Math.min(source, target), Math.max(source, target));
    if (known !== undefined) return known.caller === source ? known.streams.caller : known.streams.callee;
    // RTCP mostly goes beside its RTP (RFC 3550 §11).
    const [from, to] = [this.#rtpOf(source), this.#rtpOf(target)];
    if (from !== source || to !== target) {
      const beside = this.#calls.get(Math.min(from, to), Math.max(from, to));
      if (beside !== undefined) return beside.caller === from ? beside.streams.caller : beside.streams.callee;
    }
    const [ruleFrom, ruleTo] = [this.#rules.get(source), this.#rules.get(target)];
    if (ruleFrom === undefined && ruleTo === undefined && !this.keys.names(source, ssrc) && !this.keys.names(target, -1)) return undefined;
    if (this.#calls.size >= mostCalls) return undefined;
    const calls = ruleFrom?.side === 'callee' || ruleTo?.side === 'caller' || this.keys.sideOf(source, ssrc) === 'callee' ? target : source;
    const call = this.#open(calls, calls === source ? target : source, atMs);
    this.#calls.set(Math.min(source, target), Math.max(source, target), call);
    return calls === source ? call.streams.caller : call.streams.callee;
  }

  /** Those that are over at this time. */
  takeOver(nowMs: number): readonly BareCall[] {
    return this.#take(({ streams: { caller, callee }, startedAtMs }) => nowMs - Math.max(startedAtMs, caller.lastAtMs, callee.lastAtMs) > silenceTimeoutMs);
  }

  takeAll(): readonly BareCall[] {
    return this.#take(() => true);
  }

  #take(isOver: (call: BareCall) => boolean): readonly BareCall[] {
    const over: BareCall[] = [];
    this.#calls.removeWhere((call) => {
      if (!isOver(call)) return false;
      over.push(call);
      return true;
    });
    return over;
  }

  #rtpOf(endpoint: Endpoint): Endpoint {
    return portOf(endpoint) % 2 === 1 ? endpoint - 1 : endpoint;
  }

  #open(caller: Endpoint, callee: Endpoint, atMs: number): BareCall {
    const stream = (side: Side, own: Endpoint, peer: Endpoint): LegStream => {
      const made = new LegStream(side, 0, this.spools);
      const codecs: readonly CaptureCodec[] = (this.#rules.get(own) ?? this.#rules.get(peer))?.codecs ?? staticCodecs;
      made.describe({ label: side === 'caller' ? '1' : '2', party: `sip:${this.addresses.endpointText(own)}`, codecs, direction: 'active', encrypted: this.keys.anyForAll, crypto: [] });
      return made;
    };
    const streams = { caller: stream('caller', caller, callee), callee: stream('callee', callee, caller) };
    streams.caller.opposite = streams.callee;
    streams.callee.opposite = streams.caller;
    return { id: this.#idOf(caller, callee, atMs), caller, callee, startedAtMs: atMs, streams };
  }

  #idOf(caller: Endpoint, callee: Endpoint, atMs: number): string {
    const place = (endpoint: Endpoint): string => `${this.addresses.text(addressOf(endpoint))}-${portOf(endpoint)}`;
    const at = new Date(atMs).toISOString().slice(0, 19).replace(/[-:]/gu, '');
    return `rtp_${at}Z_${place(caller)}_${place(callee)}`;
  }
}
