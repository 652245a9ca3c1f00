/** One side of a call to which something is played, with a clock of its own, and what it hears. */
import { encodeRtp, parseRtp, Sound, voiceCodec, type Audio, type RtpPacket, type VoiceCodec } from '../../media/index.js';
import type { PlayOutcome } from '../door.js';
import { OwnStream } from './own-stream.js';
import type { PlayedCodecs } from './played-codecs.js';
import { Player } from './player.js';

export const codecNamed = (name: string): VoiceCodec => {
  const codec = voiceCodec(name, name === 'opus' ? 48_000 : 8_000);
  if (codec === undefined) throw new Error(name);
  return codec;
};

export const payloadTypeOf: Readonly<Record<string, number>> = { PCMU: 0, PCMA: 8, G722: 9, opus: 111 };
export const eventType = 101;
export const noiseType = 13;
export const foreignType = 18;

export const codecsOf = (name: string, wanted = true): PlayedCodecs => ({
  playable: new Map([[payloadTypeOf[name] ?? 0, codecNamed(name)]]),
  foreign: new Set([foreignType]),
  events: new Set([eventType]),
  own: { payloadType: payloadTypeOf[name] ?? 0, codec: codecNamed(name) },
  wanted,
});

export interface Bed {
  readonly player: Player;
  readonly clock: { nowMs: number };
  /** Of its own. */
  readonly sent: RtpPacket[];
  readonly outcomes: PlayOutcome[];
  readonly place: { reachable: boolean };
  /** Time passes, tick by tick. */
  readonly pass: (ms: number) => void;
}

/** Whatever was being opened is there: what takes longest, begun after it, is. */
export async function settled(): Promise<void> {
  (await codecNamed('opus').openTranscoder(Buffer.of(0xfc))).close();
  await new Promise((resolve) => setImmediate(resolve));
}

export function openBed(name: string, audio: Audio | undefined, over: 'mix' | 'replace', codecs = codecsOf(name)): Bed {
  const clock = { nowMs: 5_000.5 };
  const sent: RtpPacket[] = [];
  const outcomes: PlayOutcome[] = [];
  const place = { reachable: true };
  const player = new Player({
    ...(audio === undefined ? {} : { sound: new Sound(audio) }),
    over, codecs,
    own: new OwnStream(clock.nowMs),
    send: (packet) => {
      const parsed = parseRtp(packet);
      if (typeof parsed === 'string') throw new Error(parsed);
      sent.push(parsed);
    },
    reachable: () => place.reachable,
    now: () => clock.nowMs,
    onEnd: (outcome) => outcomes.push(outcome),
  });
  return {
    player, clock, sent, outcomes, place,
    pass(ms) {
      for (let passed = 0; passed < ms; passed += 20) {
        clock.nowMs += 20;
        player.tick();
      }
    },
  };
}

/** A party's stream of packets of so many ms, encoded from its samples. */
export async function streamOf(name: string, samples: Int16Array, packetMs: number): Promise<Buffer[]> {
  const codec = codecNamed(name);
  const encoder = await codec.openEncoder();
  const each = (codec.sampleRate * packetMs) / 1_000;
  const ticks = (codec.clockRate * packetMs) / 1_000;
  const packets: Buffer[] = [];
  for (let n = 0; (n + 1) * each <= samples.length; n += 1) {
    packets.push(
      encodeRtp({
        marker: n === 0,
        payloadType: payloadTypeOf[name] ?? 0,
        sequenceNumber: (65_530 + n) & 0xffff,
        timestamp: (0xffff_f000 + n * ticks) >>> 0,
        ssrc: 0x1234_5678,
        csrcs: [1, 2],
        extension: { profile: 0xbede, data: Buffer.from('51000000', 'hex') },
        // Some packets have padding.
        paddingBytes: n % 3 === 2 ? 4 : 0,
        payload: encoder.encode(samples.subarray(n * each, (n + 1) * each)),
      }),
    );
  }
  encoder.close();
  return packets;
}

/** What is heard of packets, one after the other. */
export async function heardOf(name: string, packets: readonly Pick<RtpPacket, 'payload'>[]): Promise<Int16Array> {
  const codec = codecNamed(name);
  const decoder = await codec.openTranscoder(packets[0]?.payload ?? Buffer.alloc(1));
  const samples: number[] = [];
  for (const { payload } of packets) samples.push(...(decoder.decode(payload) ?? []));
  decoder.close();
  return Int16Array.from(samples);
}

export const parsedRtp = (packet: Buffer): RtpPacket => {
  const parsed = parseRtp(packet);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
};
