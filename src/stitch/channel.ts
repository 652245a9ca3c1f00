/**
 * One channel of a recording: all sources that spoke for one party.
 */
import { audioCodec, isBesideAudio, unixMsFromNtp, type AudioCodec, type CodecLine, type RtcpPacket, type RtpView } from '../media/index.js';
import type { CaptureStream } from '../capture/index.js';
import { Presses } from './presses.js';
import { Track } from './track.js';

/** Sources of one party beyond this are an attack or a fault; each costs memory. */
const trackLimit = 256;

/** Whether what a codec sends can be turned into samples here. */
export type CanHear = (codec: AudioCodec) => boolean;

const byUs: CanHear = ({ decoding }) => decoding.by === 'us';

/** What a party's payload types mean, each as it was described last: of a codec that cannot be heard nothing is known. */
export class PayloadTypes {
  readonly #known: ({ readonly line: CodecLine | undefined; readonly codec: AudioCodec | undefined } | undefined)[] = [];

  /** @param met is told of each that is new */
  constructor(private readonly canHear: CanHear, private readonly met: (payloadType: number, line: CodecLine | undefined, codec: AudioCodec | undefined) => void = () => undefined) {}

  of(payloadType: number, line: CodecLine | undefined): AudioCodec | undefined {
    const known = this.#known[payloadType];
    return known !== undefined && known.line === line ? known.codec : this.#meet(payloadType, line);
  }

  #meet(payloadType: number, line: CodecLine | undefined): AudioCodec | undefined {
    const found = line === undefined ? undefined : audioCodec(line);
    const codec = found !== undefined && this.canHear(found) ? found : undefined;
    this.#known[payloadType] = { line, codec };
    this.met(payloadType, line, codec);
    return codec;
  }
}

/** How long a packet's sound is, by the codec's clock; 0 without sound. */
export const soundTicks = (packet: RtpView, codec: AudioCodec | undefined): number => (codec === undefined ? 0 : codec.octetSamples === undefined ? codec.ticksIn(packet.payload) : packet.payloadBytes);

export class Channel {
  readonly tracks = new Map<number, Track>();
  label = '';
  party = '';
  encrypted = false;
  /** Codecs heard, in order of appearance. */
  readonly codecs = new Set<string>();
  readonly undecodable = new Set<string>();
  /** Since when the party is on hold; closed stretches in `holds`. */
  #heldSinceMs: number | undefined;
  readonly holds: { fromMs: number; toMs: number }[] = [];
  readonly presses = new Presses();
  /** Sample rates of the codecs heard. */
  readonly rates = new Set<number>();
  readonly #types: PayloadTypes;
  /** The source that spoke last, which is nearly always the one that speaks. */
  #speaking: { readonly ssrc: number; readonly track: Track } | undefined;

  /** @param several whether more than one capture holds the call */
  constructor(readonly name: string, canHear: CanHear = byUs, private readonly several = false) {
    this.#types = new PayloadTypes(canHear, (payloadType, line, codec) => this.#met(payloadType, line, codec));
  }

  describe(stream: CaptureStream, atMs: number): void {
    this.label = stream.label;
    if (stream.party !== '') this.party = stream.party;
    this.encrypted ||= stream.encrypted;
    if (stream.direction === 'inactive') {
      this.#heldSinceMs ??= atMs;
    } else if (this.#heldSinceMs !== undefined) {
      this.holds.push({ fromMs: this.#heldSinceMs, toMs: atMs });
      this.#heldSinceMs = undefined;
    }
  }

  /** The highest rate of the codecs heard; 0 before the first. */
  get sampleRate(): number {
    return Math.max(0, ...this.rates);
  }

  /** All holds, one that lasts to the end included. */
  holdsUntil(endMs: number): readonly { fromMs: number; toMs: number }[] {
    return this.#heldSinceMs === undefined ? this.holds : [...this.holds, { fromMs: this.#heldSinceMs, toMs: endMs }];
  }

  /** Counts a packet, and has its source place it. */
  accept(packet: RtpView, line: CodecLine | undefined, arrivedAtMs: number, source = 0): void {
    const codec = this.#types.of(packet.payloadType, line);
    if (codec === undefined && line?.name.toLowerCase() === 'telephone-event') this.presses.hear(packet, line.clockRate, arrivedAtMs);
    const track = this.#speaking?.ssrc === packet.ssrc ? this.#speaking.track : this.#track(packet.ssrc, line?.clockRate ?? 8_000);
    track?.accept(packet, arrivedAtMs, soundTicks(packet, codec), codec?.clockRate, source);
  }

  report(packets: readonly RtcpPacket[]): void {
    for (const packet of packets) {
      if (packet.type === 'SR' && packet.ntp !== 0n) {
        this.tracks.get(packet.ssrc)?.senderReport(unixMsFromNtp(packet.ntp), packet.rtpTimestamp);
      }
    }
  }

  #track(ssrc: number, clockRate: number): Track | undefined {
    let track = this.tracks.get(ssrc);
    if (track === undefined) {
      if (this.tracks.size >= trackLimit) return undefined;
      track = new Track(clockRate > 0 ? clockRate : 8_000, this.several);
      this.tracks.set(ssrc, track);
    }
    this.#speaking = { ssrc, track };
    return track;
  }

  #met(payloadType: number, line: CodecLine | undefined, codec: AudioCodec | undefined): void {
    if (codec !== undefined) {
      this.codecs.add(codec.name);
      this.rates.add(codec.sampleRate);
    } else if (line === undefined) this.undecodable.add(`payload type ${payloadType}`);
    else if (!isBesideAudio(line)) this.undecodable.add(line.name);
  }
}
