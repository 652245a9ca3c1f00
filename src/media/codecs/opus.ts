/**
 * Opus (RFC 6716), by libopus in WebAssembly: the one place that knows that library.
 *
 * It is loaded when the first call with Opus has something played, or is heard. Packets are made of frames of 10 ms, all of one
 * configuration (CELT, full band), so that one encoding serves packets of any length.
 *
 * Owns       the library's encoders and decoders, whose memory is outside of what is collected: each is closed.
 * Leaves to  opus-packet.ts the framing.
 */
import assert from 'node:assert/strict';
import type { Decoder } from './decoder.js';
import { isOpusSilence, joinOpusFrames, opusDuration, opusFrameTicks } from './opus-packet.js';

/** Of one channel: speech and a tone without audible loss. */
const bitsPerSecond = 48_000;
/** 0 to 10; the gain above 5 is small and the cost is not. */
const complexity = 5;

interface OpusEncoder {
  encode(samples: Int16Array): Buffer;
  close(): void;
}

interface OpusTranscoder extends OpusEncoder {
  readonly channels: 1 | 2;
  decode(payload: Buffer): Int16Array | undefined;
}

let library: Promise<typeof import('libopus-wasm')> | undefined;

/** Tried again by the next one when it failed. */
function load(): Promise<typeof import('libopus-wasm')> {
  library ??= import('libopus-wasm').catch((error: unknown) => {
    library = undefined;
    throw error;
  });
  return library;
}

/** Heard in mono: of two channels the library gives the mean. */
export async function openOpusDecoder(): Promise<Decoder> {
  const { createDecoder } = await load();
  const decoder = await createDecoder({ channels: 1, sampleRate: 48_000 });
  return {
    decode(payload, out, at) {
      const ticks = opusDuration(payload);
      assert(at >= 0 && at + ticks <= out.length, 'decoded samples need room');
      if (isOpusSilence(payload)) {
        out.fill(0, at, at + ticks);
        return ticks;
      }
      try {
        const samples = decoder.decode(payload);
        out.set(samples.length > ticks ? samples.subarray(0, ticks) : samples, at);
        return Math.min(samples.length, ticks);
      } catch {
        // A malformed packet of a party.
        return 0;
      }
    },
    close: () => decoder.free(),
  };
}

export const openOpusEncoder = (): Promise<OpusEncoder> => openEncoder(1);

export async function openOpusTranscoder(channels: 1 | 2): Promise<OpusTranscoder> {
  const { createDecoder } = await load();
  const encoder = await openEncoder(channels);
  try {
    const decoder = await createDecoder({ channels, sampleRate: 48_000 });
    return {
      channels,
      decode(payload) {
        try {
          return decoder.decode(payload);
        } catch {
          // A malformed packet of a party.
          return undefined;
        }
      },
      encode: (samples) => encoder.encode(samples),
      close() {
        encoder.close();
        decoder.free();
      },
    };
  } catch (error) {
    encoder.close();
    throw error;
  }
}

async function openEncoder(channels: 1 | 2): Promise<OpusEncoder> {
  const { Application, Bandwidth, createEncoder, EncoderCtl } = await load();
  const encoder = await createEncoder({
    channels, complexity,
    sampleRate: 48_000,
    // CELT alone, which needs no more than the overlap of one frame to begin anywhere.
    application: Application.RestrictedLowDelay,
    bitrate: bitsPerSecond * channels,
    frameSize: opusFrameTicks,
  });
  // Left to itself it would change both with what it hears, and frames of one packet must be alike.
  encoder.encoderCtl(EncoderCtl.SetBandwidth, Bandwidth.Fullband);
  encoder.encoderCtl(EncoderCtl.SetForceChannels, channels);
  const frameSamples = opusFrameTicks * channels;
  return {
    encode(samples) {
      const frames: Buffer[] = [];
      for (let at = 0; at + frameSamples <= samples.length; at += frameSamples) {
        const { buffer, byteOffset, byteLength } = encoder.encode(samples.subarray(at, at + frameSamples));
        frames.push(Buffer.from(buffer, byteOffset, byteLength));
      }
      return joinOpusFrames(frames);
    },
    close: () => encoder.free(),
  };
}

/** Of one party, for files: speech, in packets of one frame of 20 ms. */
export interface SpeechEncoder {
  /** How far what comes out is behind what goes in, at 48,000 ticks a second. */
  readonly lookaheadTicks: number;
  /** 20 ms of samples, as one packet in a new buffer. */
  encode(samples: Int16Array): Buffer;
  close(): void;
}

/** Transparent for speech of that band (RFC 7587 §3.1.1 names ranges for each). */
const speechBitsPerSecond = (sampleRate: number): number => (sampleRate <= 12_000 ? 16_000 : sampleRate <= 24_000 ? 24_000 : 32_000);

/** @param sampleRate 8,000, 12,000, 16,000, 24,000 or 48,000 */
export async function openSpeechEncoder(sampleRate: number): Promise<SpeechEncoder> {
  const { Application, createEncoder, Signal } = await load();
  const encoder = await createEncoder({
    channels: 1,
    sampleRate: sampleRate as 8_000,
    application: Application.Voip,
    signal: Signal.Voice,
    bitrate: speechBitsPerSecond(sampleRate),
    complexity,
    vbr: true,
    frameSize: sampleRate / 50,
  });
  return {
    lookaheadTicks: Math.round((encoder.getLookahead() * 48_000) / sampleRate),
    encode(samples) {
      const { buffer, byteOffset, byteLength } = encoder.encode(samples);
      return Buffer.from(Buffer.from(buffer, byteOffset, byteLength));
    },
    close: () => encoder.free(),
  };
}
