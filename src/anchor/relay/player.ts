/**
 * What one side of a call hears while something is played to it.
 *
 * Its packets are those of the other side, header and all, with another payload of the same length in time; so what
 * it makes of time is not disturbed. Where the other side sends nothing, they are ours.
 *
 * Owns       the place in the sound, and how far the other side's silence reaches.
 * Leaves to  playing.ts when it begins and ends, and the timer; the media folder the audio.
 *
 * Invariants
 * 1. What goes on lasts as long as what came, in the same codec, or it is what came.
 * 2. Nothing but a stop, a codec that is not ours, or the sound's end ends it; after that, packets go on as they came.
 */
import { isRtcp, timestampDelta, type Sound, type SoundReader, type Transcoder, type VoiceCodec } from '../../media/index.js';
import type { PlayOutcome } from '../door.js';
import type { OwnStream } from './own-stream.js';
import type { PlayedCodecs, Unplayable } from './played-codecs.js';
import { payloadOf, withPayload } from './replaced-payload.js';

/** Silence of the other side after which packets of ours begin. */
const silentAfterMs = 100;
const ownPacketMs = 20;
/** Longer between two ticks the thread was busy, and packets may wait that have come. */
const tickWithinMs = 60;
/** What a timer that was late sends at once; beyond that it is left out. */
const ownAtOnce = 5;
/** A timestamp further from the last is a new beginning, not a loss. */
const leapMs = 200;
/** So long a codec only listens before it changes what it hears: its state is then that of the other side's own. */
const warmUpMs = 200;
/** Places in the sound are counted so many to a second, a multiple of all RTP clocks of its codecs. */
const unitsPerSecond = 48_000;

export interface PlayerOptions {
  /** Absent: silence, which does not end by itself. */
  readonly sound?: Sound;
  readonly over: 'mix' | 'replace';
  readonly codecs: PlayedCodecs;
  readonly own: OwnStream;
  /** Sends a packet of ours to the side. */
  readonly send: (packet: Buffer) => void;
  /** Whether the side's address is known. */
  readonly reachable: () => boolean;
  /** In ms, by a clock that does not jump. */
  readonly now: () => number;
  /** Told once. */
  readonly onEnd: (outcome: PlayOutcome) => void;
}

/** The newest packet of the other side and its place in the sound. */
interface Anchorage {
  readonly ssrc: number;
  readonly codec: VoiceCodec;
  readonly timestamp: number;
  readonly at: number;
}

const unitsOf = (ticks: number, codec: VoiceCodec): number => ticks * (unitsPerSecond / codec.clockRate);
const ticksOf = (units: number, codec: VoiceCodec): number => Math.floor(units / (unitsPerSecond / codec.clockRate));

export class Player {
  readonly #options: PlayerOptions;
  /** Undefined once nothing can be played any more. */
  #codecs: PlayedCodecs | undefined;
  /** The place in the sound of what comes next; below 0 while the codec warms up. */
  #next: number;
  readonly #end: number;
  #anchorage: Anchorage | undefined;
  #heardAtMs: number;
  #tickedAtMs: number;
  /** Of our next packet, while the other side is silent. */
  #dueAtMs: number | undefined;
  #reader: SoundReader | undefined;
  #transcoder: Transcoder | undefined;
  /** The codecs of what is open, or being opened. */
  #readerOf: VoiceCodec | undefined;
  #transcoderOf: VoiceCodec | undefined;
  #ended = false;
  #hushed = false;

  constructor(options: PlayerOptions) {
    this.#options = options;
    this.#codecs = options.codecs;
    this.#heardAtMs = this.#tickedAtMs = options.now();
    this.#next = options.over === 'mix' ? (-warmUpMs * unitsPerSecond) / 1_000 : 0;
    this.#end = options.sound === undefined ? Number.POSITIVE_INFINITY : (options.sound.audio.durationMs * unitsPerSecond) / 1_000;
    if (options.over === 'replace') this.#readerFor(options.codecs.own.codec);
  }

  /** Another SDP was exchanged. */
  describe(codecs: PlayedCodecs | Unplayable): void {
    this.#codecs = typeof codecs === 'string' ? undefined : codecs;
    if (typeof codecs === 'string') this.#finish(codecs);
  }

  /** From now on its side hears silence, until it is stopped. */
  hush(): void {
    this.#hushed = true;
    this.#close();
  }

  stop(): void {
    this.#finish('cut');
    this.#close();
  }

  /** A packet from the other side, as it goes on. */
  through(packet: Buffer): Buffer {
    if ((this.#ended && !this.#hushed) || this.#codecs === undefined || isRtcp(packet)) return packet;
    const payload = payloadOf(packet);
    if (payload === undefined) return packet;
    const payloadType = (packet[1] ?? 0) & 0x7f;
    const codec = this.#codecs.playable.get(payloadType);
    if (codec === undefined) {
      if (this.#codecs.foreign.has(payloadType)) this.#finish('codec');
      else if (this.#codecs.events.has(payloadType)) this.#isHeard();
      return packet;
    }
    this.#isHeard();
    const ticks = codec.ticksIn(payload);
    if (ticks === 0) return packet;
    const { sound, over } = this.#options;
    if (sound === undefined || this.#hushed) return withPayload(packet, codec.silence(ticks));
    return over === 'mix' ? this.#mix(packet, payload, codec, ticks, sound) : this.#replace(packet, codec, ticks);
  }

  /** Called every 20 ms or so: sends what the other side does not. */
  tick(): void {
    const nowMs = this.#options.now();
    const busy = nowMs - this.#tickedAtMs > tickWithinMs;
    this.#tickedAtMs = nowMs;
    if (busy && this.#dueAtMs === undefined) return;
    if (this.#ended || this.#codecs === undefined || this.#options.sound === undefined || nowMs - this.#heardAtMs < silentAfterMs) return;
    const { own: { codec, payloadType }, wanted } = this.#codecs;
    const reader = this.#readerFor(codec);
    if (reader === undefined) return;
    let first = this.#dueAtMs === undefined;
    let dueAtMs = Math.max(this.#dueAtMs ?? nowMs, nowMs - ownAtOnce * ownPacketMs);
    this.#next = Math.max(this.#next, 0);
    this.#anchorage = undefined;
    const { own, send, reachable } = this.#options;
    const ticks = (codec.clockRate * ownPacketMs) / 1_000;
    for (; dueAtMs <= nowMs && this.#next < this.#end; dueAtMs += ownPacketMs) {
      if (wanted && reachable()) {
        send(own.packet(payloadType, reader.payload(ticksOf(this.#next, codec), ticks), codec.clockRate, dueAtMs, first));
        first = false;
      }
      this.#next += unitsOf(ticks, codec);
    }
    this.#dueAtMs = dueAtMs;
    if (this.#next >= this.#end) this.#finish('played');
  }

  #isHeard(): void {
    this.#heardAtMs = this.#options.now();
    this.#dueAtMs = undefined;
  }

  #replace(packet: Buffer, codec: VoiceCodec, ticks: number): Buffer {
    const reader = this.#readerFor(codec);
    // Its library is being loaded.
    if (reader === undefined) return withPayload(packet, codec.silence(ticks));
    const at = this.#place(packet, codec, ticks);
    const replaced = withPayload(packet, at < 0 ? codec.silence(ticks) : reader.payload(ticksOf(at, codec), ticks));
    if (this.#next >= this.#end) this.#finish('played');
    return replaced;
  }

  #mix(packet: Buffer, payload: Buffer, codec: VoiceCodec, ticks: number, sound: Sound): Buffer {
    const transcoder = this.#transcoderFor(codec, payload);
    if (transcoder === undefined) return packet;
    const newest = this.#next;
    const at = this.#place(packet, codec, ticks);
    // One that is late or comes twice: a codec takes each packet once, in its order.
    if (at < newest) return packet;
    const samples = transcoder.decode(payload);
    if (samples === undefined) return packet;
    const { channels } = transcoder;
    const added = new Int16Array(samples.length / channels);
    sound.audio.read(codec.sampleRate, Math.round((at * codec.sampleRate) / unitsPerSecond), added);
    for (let n = 0; n < samples.length; n += 1) {
      samples[n] = Math.max(-32_768, Math.min(32_767, (samples[n] ?? 0) + (added[Math.floor(n / channels)] ?? 0)));
    }
    const mixed = transcoder.encode(samples);
    const warm = this.#next > 0;
    if (this.#next >= this.#end) this.#finish('played');
    return warm ? withPayload(packet, mixed) : packet;
  }

  /** Where in the sound a packet stands, by its timestamp, so that loss and disorder cost what they cost of speech. */
  #place(packet: Buffer, codec: VoiceCodec, ticks: number): number {
    const timestamp = packet.readUInt32BE(4);
    const ssrc = packet.readUInt32BE(8);
    const last = this.#anchorage;
    const delta = last === undefined ? 0 : timestampDelta(timestamp, last.timestamp);
    const goesOn = last !== undefined && last.ssrc === ssrc && last.codec === codec && Math.abs(delta) <= (codec.clockRate * leapMs) / 1_000;
    const at = goesOn ? last.at + unitsOf(delta, codec) : this.#next;
    if (!goesOn || delta > 0) this.#anchorage = { ssrc, codec, timestamp, at };
    this.#next = Math.max(this.#next, at + unitsOf(ticks, codec));
    return at;
  }

  #readerFor(codec: VoiceCodec): SoundReader | undefined {
    const { sound } = this.#options;
    if (this.#readerOf === codec || sound === undefined) return this.#reader;
    this.#reader?.close();
    this.#reader = undefined;
    this.#readerOf = codec;
    sound.open(codec).then(
      (reader) => {
        if (this.#readerOf === codec && !this.#ended) this.#reader = reader;
        else reader.close();
      },
      () => this.#finish('failed'),
    );
    return undefined;
  }

  #transcoderFor(codec: VoiceCodec, like: Buffer): Transcoder | undefined {
    if (this.#transcoderOf === codec) return this.#transcoder;
    this.#transcoder?.close();
    this.#transcoder = undefined;
    this.#transcoderOf = codec;
    codec.openTranscoder(like).then(
      (transcoder) => {
        if (this.#transcoderOf === codec && !this.#ended) this.#transcoder = transcoder;
        else transcoder.close();
      },
      () => this.#finish('failed'),
    );
    return undefined;
  }

  #finish(outcome: PlayOutcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#close();
    this.#options.onEnd(outcome);
  }

  #close(): void {
    this.#reader?.close();
    this.#transcoder?.close();
    this.#reader = this.#transcoder = undefined;
    this.#readerOf = this.#transcoderOf = undefined;
  }
}
