/**
 * A transform whose session keys change as its packets go on (RFC 3711 §4.3.1, key derivation rate).
 *
 * Owns       which keys belong to which stretch of packet indices; those of the last two stretches are kept, for
 *            packets about the change come in any order.
 * Leaves to  the transform of each stretch the cryptography.
 */
import type { Transform } from './transform.js';

/** @param make the transform of the stretch `number`, for RTP and RTCP alike */
export class RatedTransform implements Transform {
  #stretches: { readonly number: number; readonly transform: Transform }[] = [];

  constructor(
    private readonly rate: number,
    private readonly make: (number: number) => Transform,
  ) {}

  sealRtp(packet: Buffer, headerBytes: number, rollOver: number, out: Buffer): void {
    this.#ofRtp(packet, rollOver).sealRtp(packet, headerBytes, rollOver, out);
  }

  openRtp(packet: Buffer, headerBytes: number, rollOver: number): Buffer | undefined {
    return this.#ofRtp(packet, rollOver).openRtp(packet, headerBytes, rollOver);
  }

  sealRtcp(packet: Buffer, indexWord: number, out: Buffer): void {
    this.#ofRtcp(indexWord).sealRtcp(packet, indexWord, out);
  }

  openRtcp(packet: Buffer, indexWord: number): Buffer | undefined {
    return this.#ofRtcp(indexWord).openRtcp(packet, indexWord);
  }

  #ofRtp = (packet: Buffer, rollOver: number): Transform => this.#of(Math.floor((rollOver * 65_536 + packet.readUInt16BE(2)) / this.rate));
  #ofRtcp = (indexWord: number): Transform => this.#of(Math.floor((indexWord & 0x7fff_ffff) / this.rate));

  #of(number: number): Transform {
    const known = this.#stretches.find((stretch) => stretch.number === number);
    if (known !== undefined) return known.transform;
    const transform = this.make(number);
    this.#stretches = [{ number, transform }, ...this.#stretches].slice(0, stretchesKept);
    return transform;
  }
}

/** RTP and RTCP count on their own: two stretches each. */
const stretchesKept = 4;
