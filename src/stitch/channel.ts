/**
 * One channel of a recording: all sources that spoke for one party.
 */
import { codecFor, unixMsFromNtp, type Decoder, type RtcpPacket, type RtpPacket } from '../media/index.js';
import type { CaptureCodec, CaptureStream } from '../capture/index.js';
import { Presses } from './presses.js';
import { Track, type Placed } from './track.js';

/** Sources of one party beyond this are an attack or a fault; each costs memory. */
const trackLimit = 256;

/** A packet of sound, where it belongs and what decodes it. */
export type Audible = Placed & { readonly decoder: Decoder };

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
  readonly #decoders = new Map<number, { codec: CaptureCodec; decoder: Decoder | undefined }>();

  constructor(readonly name: string) {}

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

  /** All holds, one that lasts to the end included. */
  holdsUntil(endMs: number): readonly { fromMs: number; toMs: number }[] {
    return this.#heldSinceMs === undefined ? this.holds : [...this.holds, { fromMs: this.#heldSinceMs, toMs: endMs }];
  }

  /** Counts a packet; gives back what is to be decoded to its place now, as Track.accept does. */
  accept(packet: RtpPacket, codec: CaptureCodec | undefined, arrivedAtMs: number): readonly Audible[] {
    const decoder = codec === undefined ? undefined : this.#decoderFor(codec);
    if (codec?.name.toLowerCase() === 'telephone-event') this.presses.hear(packet, codec.clockRate, arrivedAtMs);
    const track = this.#track(packet.ssrc, codec?.clockRate ?? 8_000);
    const placed = track?.accept(packet, arrivedAtMs, decoder === undefined ? 0 : decoder.samplesIn(packet.payload)) ?? [];
    return placed.flatMap((one) => {
      const itsDecoder = this.#decoders.get(one.packet.payloadType)?.decoder;
      return itsDecoder === undefined ? [] : [{ ...one, decoder: itsDecoder }];
    });
  }

  report(packets: readonly RtcpPacket[]): void {
    for (const packet of packets) {
      if (packet.type === 'SR' && packet.ntp !== 0n) {
        this.tracks.get(packet.ssrc)?.senderReport(unixMsFromNtp(packet.ntp), packet.rtpTimestamp);
      }
    }
  }

  #track(ssrc: number, clockRate: number): Track | undefined {
    const known = this.tracks.get(ssrc);
    if (known !== undefined || this.tracks.size >= trackLimit) return known;
    const track = new Track(clockRate);
    this.tracks.set(ssrc, track);
    return track;
  }

  #decoderFor(codec: CaptureCodec): Decoder | undefined {
    let known = this.#decoders.get(codec.payloadType);
    if (known?.codec !== codec) {
      known = { codec, decoder: codecFor(codec.name, codec.clockRate) };
      this.#decoders.set(codec.payloadType, known);
      if (known.decoder !== undefined) this.codecs.add(known.decoder.codec.name);
      else if (!/^(telephone-event|CN)$/i.test(codec.name)) this.undecodable.add(codec.name);
    }
    return known.decoder;
  }
}
