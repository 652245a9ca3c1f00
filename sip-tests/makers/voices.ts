/** Voices of a recorded call, as RTP or SRTP in real time, and finding them again in a recording. */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { decodePcma, decodePcmu, encodePcma, encodePcmu, encodeRtp, parseCryptoLine, SrtpSender } from '../../src/media/index.js';

const packetSamples = 160;
const packetMs = 20;

export interface Spoken {
  /** As whoever decodes the packets hears it. */
  readonly samples: Int16Array;
}

/** One sender: its own port, SSRC and clock. */
export class Speaker {
  readonly #ssrc = randomBytes(4).readUInt32BE();
  #sequence = 65_500;
  readonly #firstTimestamp = randomBytes(4).readUInt32BE();
  #beganAtMs: number | undefined;
  /** Where its clock stands when all is said. */
  #saidPackets = 0;
  readonly #srtp: SrtpSender | undefined;
  /** RTCP that came back, as it came. */
  readonly heard: Buffer[] = [];

  private constructor(
    private readonly socket: Socket,
    private readonly payloadType: 0 | 8,
    crypto: string | undefined,
  ) {
    const line = crypto === undefined ? undefined : parseCryptoLine(crypto);
    if (typeof line === 'string') throw new Error(line);
    this.#srtp = line === undefined ? undefined : new SrtpSender(line);
    socket.on('message', (bytes) => this.heard.push(bytes));
  }

  /**
   * @param crypto what follows `a=crypto:` in the offer
   * @param port to be sent from; rejects when somebody has it
   */
  static async open(payloadType: 0 | 8, crypto?: string, port?: number): Promise<Speaker> {
    const socket = createSocket('udp4');
    // Not one of the system's choice: those may be what SIPp or the recorder means to have.
    socket.bind(port ?? (await freePort()), '127.0.0.1');
    await once(socket, 'listening');
    return new Speaker(socket, payloadType, crypto);
  }

  get port(): number {
    return this.socket.address().port;
  }

  get ssrc(): number {
    return this.#ssrc;
  }

  /** The last sequence number that was sent, with the wraps counted. */
  get extendedHighest(): number {
    return this.#sequence - 1;
  }

  /** Says so many packets of a voice, in real time; its clock runs on while it is silent. */
  async say(to: number, packets: number, voice: (frame: number) => number): Promise<Spoken> {
    this.#beganAtMs ??= performance.now();
    const beginsAt = Math.max(this.#saidPackets, Math.round((performance.now() - this.#beganAtMs) / packetMs));
    this.#saidPackets = beginsAt + packets;
    const samples = new Int16Array(packets * packetSamples);
    for (let n = 0; n < packets; n += 1) {
      await delay(Math.max(0, this.#beganAtMs + (beginsAt + n) * packetMs - performance.now()));
      const said = Int16Array.from({ length: packetSamples }, (_, at) => voice(n * packetSamples + at));
      const payload = this.payloadType === 0 ? encodePcmu(said) : encodePcma(said);
      if (this.payloadType === 0) decodePcmu(payload, samples, n * packetSamples);
      else decodePcma(payload, samples, n * packetSamples);
      const packet = encodeRtp({ payloadType: this.payloadType, marker: n === 0, sequenceNumber: this.#sequence & 0xffff, timestamp: (this.#firstTimestamp + (beginsAt + n) * packetSamples) >>> 0, ssrc: this.#ssrc, payload });
      this.#sequence += 1;
      this.socket.send(this.#srtp?.protectRtp(packet) ?? packet, to, '127.0.0.1');
    }
    return { samples };
  }

  close(): void {
    this.socket.close();
  }
}

/** Where a channel holds what was said, and how much of it is there sample by sample. */
export function find(channel: Int16Array, { samples }: Spoken): { readonly at: number; readonly identical: number } {
  // A stretch in the middle of a note: silence is everywhere.
  const from = 800;
  const probe = samples.subarray(from, from + 200);
  for (let at = 0; at + samples.length <= channel.length; at += 1) {
    if (!probe.every((sample, n) => channel[at + from + n] === sample)) continue;
    let identical = 0;
    for (let n = 0; n < samples.length; n += 1) if (channel[at + n] === samples[n]) identical += 1;
    return { at, identical };
  }
  return { at: -1, identical: 0 };
}

/** What beside these stands in a channel. */
export function soundBeside(channel: Int16Array, spoken: readonly Spoken[]): number {
  const rest = Int16Array.from(channel);
  for (const one of spoken) {
    const { at } = find(channel, one);
    if (at >= 0) rest.fill(0, at, at + one.samples.length);
  }
  return rest.filter((sample) => sample !== 0).length;
}
