/**
 * The classic format of packet captures (draft-ietf-opsawg-pcap): a head of 24 bytes, then records of 16 bytes and the
 * frame. Its first word tells byte order and the unit of time.
 */
import { longestFrame, needMore, type Frame, type FrameFormat, type Taken } from './frame.js';

const headBytes = 24;
const recordBytes = 16;

const magics = new Map([
  [0xa1b2c3d4, { little: false, unitsPerMs: 1_000 }],
  [0xd4c3b2a1, { little: true, unitsPerMs: 1_000 }],
  [0xa1b23c4d, { little: false, unitsPerMs: 1_000_000 }],
  [0x4d3cb2a1, { little: true, unitsPerMs: 1_000_000 }],
]);

/** @param magic the first four bytes, read as big-endian */
export function openPcap(magic: number): FrameFormat | undefined {
  const found = magics.get(magic);
  return found === undefined ? undefined : new Pcap(found.little, found.unitsPerMs);
}

class Pcap implements FrameFormat {
  readonly name = 'pcap';
  #linkType: number | undefined;
  readonly #taken = { bytes: 0, isFrame: true };

  constructor(
    private readonly little: boolean,
    private readonly unitsPerMs: number,
  ) {}

  take(buffer: Buffer, at: number, frame: Frame): Taken | 'damaged' {
    if (this.#linkType === undefined) {
      if (buffer.length - at < headBytes) return needMore;
      // The upper bits tell of a frame check sequence, which is behind what IP says its length is.
      this.#linkType = this.#word(buffer, at + 20) & 0xffff;
      return { bytes: headBytes, isFrame: false };
    }
    if (buffer.length - at < recordBytes) return needMore;
    const heldBytes = this.#word(buffer, at + 8);
    if (heldBytes > longestFrame) return 'damaged';
    const start = at + recordBytes;
    if (buffer.length - start < heldBytes) return needMore;
    frame.bytes = buffer;
    frame.start = start;
    frame.end = start + heldBytes;
    frame.wireBytes = this.#word(buffer, at + 12);
    frame.linkType = this.#linkType;
    frame.atMs = this.#word(buffer, at) * 1_000 + this.#word(buffer, at + 4) / this.unitsPerMs;
    this.#taken.bytes = recordBytes + heldBytes;
    return this.#taken;
  }

  #word(buffer: Buffer, at: number): number {
    return this.little ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at);
  }
}
