/**
 * The stream that the relay sends itself where a party sends nothing: headers of RTP (RFC 3550 §5.1).
 *
 * One for each direction and all of a call, so that its receiver meets one source more and not one for each beep.
 */
import { randomBytes } from 'node:crypto';
import { encodeRtp } from '../../media/index.js';

export class OwnStream {
  readonly #ssrc = randomBytes(4).readUInt32BE();
  readonly #firstTimestamp = randomBytes(4).readUInt32BE();
  readonly #beganAtMs: number;
  #sequenceNumber = randomBytes(2).readUInt16BE();

  constructor(nowMs: number) {
    this.#beganAtMs = nowMs;
  }

  /**
   * @param dueAtMs when it is played, by the clock of the constructor
   * @param first after a silence: marked as the beginning of a talkspurt (RFC 3551 §4.1)
   */
  packet(payloadType: number, payload: Buffer, clockRate: number, dueAtMs: number, first: boolean): Buffer {
    this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xffff;
    const elapsedTicks = Math.round(((dueAtMs - this.#beganAtMs) * clockRate) / 1_000);
    return encodeRtp({
      marker: first,
      payloadType,
      sequenceNumber: this.#sequenceNumber,
      timestamp: (this.#firstTimestamp + elapsedTicks) >>> 0,
      ssrc: this.#ssrc,
      payload,
    });
  }
}
