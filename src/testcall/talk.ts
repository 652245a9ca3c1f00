/**
 * One end's media: sends a voice as RTP with exact timestamps, and hears what comes back.
 *
 * Owns       the pace, the RTP state, and the memory of what was sent and heard.
 * Leaves to  phone.ts the sockets' addresses and the keys.
 */
import { randomBytes } from 'node:crypto';
import {
  decodePcma,
  decodePcmu,
  encodePcma,
  encodePcmu,
  encodeRtcp,
  encodeRtp,
  ntpFromUnixMs,
  parseRtp,
  type RtpPacket,
  type SrtpReceiver,
  type SrtpSender,
} from '../media/index.js';
import type { Endpoint, MediaSockets } from '../udp/index.js';
import { voiceRate, type Voice } from './voices.js';

export type TestCodec = 'PCMU' | 'PCMA';
export const payloadTypes: Readonly<Record<TestCodec, number>> = { PCMU: 0, PCMA: 8 };

const packetMs = 20;
const packetFrames = (voiceRate * packetMs) / 1_000;
/** RFC 3550 §6.2 allows less often; a short call wants its first report early. */
const reportEveryPackets = 50;
const firstReportPackets = 5;

export interface TalkOptions {
  readonly sockets: MediaSockets;
  readonly voice: Voice;
  readonly codec: TestCodec;
  readonly remote: { readonly address: string; readonly rtpPort: number; readonly rtcpPort: number };
  readonly protect?: SrtpSender;
  readonly unprotect?: SrtpReceiver;
  readonly cname: string;
  /** Told each packet that is heard, decrypted. */
  readonly onHeard?: ((packet: RtpPacket) => void) | undefined;
}

export interface Talked {
  /** Unix ms of the first sample's sending, fractional. */
  readonly startedAtMs: number;
  /** What was sent, as a receiver decodes it. */
  readonly sent: Int16Array;
}

export class Talk {
  readonly #options: TalkOptions;
  readonly #rtp: Endpoint;
  readonly #rtcp: Endpoint;
  readonly #ssrc = randomBytes(4).readUInt32BE();
  readonly #firstSequence = randomBytes(2).readUInt16BE();
  readonly #firstTimestamp = randomBytes(4).readUInt32BE();
  #heard = 0;
  #damaged = 0;
  #stopped = false;

  constructor(options: TalkOptions) {
    this.#options = options;
    const { address, rtpPort, rtcpPort } = options.remote;
    this.#rtp = { address, port: rtpPort };
    this.#rtcp = { address, port: rtcpPort };
    options.sockets.rtp.receive((bytes) => {
      const clear = options.unprotect === undefined ? bytes : options.unprotect.unprotectRtp(bytes);
      const packet = typeof clear === 'string' ? clear : parseRtp(clear);
      if (typeof packet === 'string') {
        this.#damaged += 1;
        return;
      }
      this.#heard += 1;
      options.onHeard?.(packet);
    });
  }

  /** Packets of the other end so far, and those that could not be read. */
  get heard(): { readonly packets: number; readonly damaged: number } {
    return { packets: this.#heard, damaged: this.#damaged };
  }

  /** Falls silent now. */
  stop(): void {
    this.#stopped = true;
  }

  /** Speaks for so many packets of 20 ms; resolves after the last, or soon after stop(). */
  async speak(packets: number): Promise<Talked> {
    const { voice, codec } = this.#options;
    const encode = codec === 'PCMU' ? encodePcmu : encodePcma;
    const decode = codec === 'PCMU' ? decodePcmu : decodePcma;
    const sent = new Int16Array(packets * packetFrames);
    const samples = new Int16Array(packetFrames);
    const startedAtMs = performance.timeOrigin + performance.now();
    await paced(packets, packetMs, () => this.#stopped, (at) => {
      const from = at * packetFrames;
      for (let n = 0; n < packetFrames; n += 1) samples[n] = voice(from + n);
      const payload = encode(samples);
      decode(payload, sent, from);
      this.#send(at, payload);
      if ((at + 1) % reportEveryPackets === firstReportPackets) this.#report(at + 1, startedAtMs);
    });
    return { startedAtMs, sent };
  }

  #send(at: number, payload: Buffer): void {
    const { sockets, codec, protect } = this.#options;
    const packet = encodeRtp({
      marker: at === 0,
      payloadType: payloadTypes[codec],
      sequenceNumber: (this.#firstSequence + at) & 0xffff,
      timestamp: (this.#firstTimestamp + at * packetFrames) >>> 0,
      ssrc: this.#ssrc,
      payload,
    });
    sockets.rtp.send(protect === undefined ? packet : protect.protectRtp(packet), this.#rtp);
  }

  /** RFC 3550 §6.4.1: which instant of our clock the timestamps mean. */
  #report(packets: number, startedAtMs: number): void {
    const { sockets, protect, cname } = this.#options;
    const sentMs = packets * packetMs;
    const compound = encodeRtcp([
      {
        type: 'SR',
        ssrc: this.#ssrc,
        ntp: ntpFromUnixMs(startedAtMs + sentMs),
        rtpTimestamp: (this.#firstTimestamp + packets * packetFrames) >>> 0,
        packetCount: packets,
        octetCount: packets * packetFrames,
        reports: [],
        profileExtension: Buffer.alloc(0),
      },
      { type: 'SDES', chunks: [{ ssrc: this.#ssrc, items: [{ item: 1, text: cname }] }] },
    ]);
    sockets.rtcp.send(protect === undefined ? compound : protect.protectRtcp(compound), this.#rtcp);
  }
}

/** Runs `step` at 0, everyMs, 2 everyMs … after now; a late timer is caught up with, so the pace never drifts. */
function paced(steps: number, everyMs: number, stopped: () => boolean, step: (at: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    let at = 0;
    const run = (): void => {
      try {
        for (; at < steps && performance.now() - startedAt >= at * everyMs; at += 1) step(at);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      if (at < steps && !stopped()) setTimeout(run, Math.max(0, startedAt + at * everyMs - performance.now()));
      else resolve();
    };
    run();
  });
}
