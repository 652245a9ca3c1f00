/**
 * One channel of a recording: all sources that spoke for one party.
 */
import { audioCodec, isBesideAudio, unixMsFromNtp, type AudioCodec, type CodecLine, type RtcpPacket, type RtpView } from '../media/index.js';
import type { CaptureStream } from '../capture/index.js';
import { Presses } from './presses.js';
import { Track, type Placed } from './track.js';

/** Sources of one party beyond this are an attack or a fault; each costs memory. */
const trackLimit = 256;

/** Whether what a codec sends can be turned into samples here. */
export type CanHear = (codec: AudioCodec) => boolean;

const byUs: CanHear = ({ decoding }) => decoding.by === 'us';

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
  /** By payload type. */
  readonly #codecs: ({ readonly line: CodecLine | undefined; readonly codec: AudioCodec | undefined } | undefined)[] = [];
  /** The source that spoke last, which is nearly always the one that speaks. */
  #speaking: { readonly ssrc: number; readonly track: Track } | undefined;

  /** @param several whether more than one capture holds the call */
  constructor(readonly name: string, private readonly canHear: CanHear = byUs, private readonly several = false) {}

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

  /** Counts a packet; gives back what has its place now, as Track.accept does. */
  accept(packet: RtpView, line: CodecLine | undefined, arrivedAtMs: number, source = 0): readonly Placed[] {
    const known = this.#codecs[packet.payloadType];
    const codec = known !== undefined && known.line === line ? known.codec : this.#codecOf(packet.payloadType, line);
    if (codec === undefined && line?.name.toLowerCase() === 'telephone-event') this.presses.hear(packet, line.clockRate, arrivedAtMs);
    const track = this.#speaking?.ssrc === packet.ssrc ? this.#speaking.track : this.#track(packet.ssrc, line?.clockRate ?? 8_000);
    if (track === undefined) return [];
    const durationTicks = codec === undefined ? 0 : codec.octetSamples === undefined ? codec.ticksIn(packet.payload) : packet.payloadBytes;
    return track.accept(packet, arrivedAtMs, durationTicks, codec, source);
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

  #codecOf(payloadType: number, line: CodecLine | undefined): AudioCodec | undefined {
    const found = line === undefined ? undefined : audioCodec(line);
    const codec = found !== undefined && this.canHear(found) ? found : undefined;
    this.#codecs[payloadType] = { line, codec };
    if (codec !== undefined) {
      this.codecs.add(codec.name);
      this.rates.add(codec.sampleRate);
    } else if (line === undefined) this.undecodable.add(`payload type ${payloadType}`);
    else if (!isBesideAudio(line)) this.undecodable.add(line.name);
    return codec;
  }
}
