/**
 * pcapng (draft-ietf-opsawg-pcapng): blocks of type, length, body and length again, in sections, each of a byte order
 * and interfaces of its own. Blocks and options that are not about packets are passed over.
 */
import { longestFrame, needMore, type Frame, type FrameFormat, type Taken } from './frame.js';

const sectionHeader = 0x0a0d0d0a;
const interfaceDescription = 1;
const obsoletePacket = 2;
const simplePacket = 3;
const enhancedPacket = 6;

const orderMagic = 0x1a2b3c4d;
const orderMagicSwapped = 0x4d3c2b1a;
/** A block with secrets or names may be longer than a frame; one that says more is damage. */
const longestBlock = 16 << 20;
const mostInterfaces = 65_536;
const optionResolution = 9;
const optionOffset = 14;
const twoTo32 = 0x1_0000_0000;

interface Interface {
  readonly linkType: number;
  readonly snapBytes: number;
  /** Of one unit of its timestamps. */
  readonly msPerUnit: number;
  readonly offsetMs: number;
}

export function openPcapng(buffer: Buffer, at: number): FrameFormat | undefined {
  return buffer.readUInt32BE(at) === sectionHeader ? new Pcapng() : undefined;
}

class Pcapng implements FrameFormat {
  readonly name = 'pcapng';
  #little = false;
  #interfaces: Interface[] = [];
  /** For frames that have no time of their own. */
  #lastAtMs = 0;
  readonly #taken = { bytes: 0, isFrame: true };

  take(buffer: Buffer, at: number, frame: Frame): Taken | 'damaged' {
    if (buffer.length - at < 12) return needMore;
    // The type of a section's header reads the same in both orders.
    const isSection = buffer.readUInt32BE(at) === sectionHeader;
    if (isSection && !this.#beginSection(buffer.readUInt32BE(at + 8))) return 'damaged';
    const length = this.#word(buffer, at + 4);
    if (length < 12 || length % 4 !== 0 || length > longestBlock) return 'damaged';
    if (buffer.length - at < length) return needMore;
    const start = at + 8;
    const end = at + length - 4;
    if (this.#word(buffer, end) !== length) return 'damaged';
    this.#taken.bytes = length;
    this.#taken.isFrame = this.#body(isSection ? sectionHeader : this.#word(buffer, at), buffer, start, end, frame);
    return this.#taken;
  }

  #beginSection(order: number): boolean {
    if (order !== orderMagic && order !== orderMagicSwapped) return false;
    this.#little = order === orderMagicSwapped;
    this.#interfaces = [];
    return true;
  }

  /** Whether the block is a frame. One that contradicts itself is none. */
  #body(type: number, buffer: Buffer, start: number, end: number, frame: Frame): boolean {
    switch (type) {
      case interfaceDescription:
        if (end - start >= 8 && this.#interfaces.length < mostInterfaces) this.#interfaces.push(this.#interface(buffer, start, end));
        return false;
      case enhancedPacket:
        return end - start >= 20 && this.#packet(buffer, this.#word(buffer, start), start + 4, end, frame);
      case obsoletePacket:
        return end - start >= 20 && this.#packet(buffer, this.#half(buffer, start), start + 4, end, frame);
      case simplePacket:
        return end - start >= 4 && this.#simplePacket(buffer, start, end, frame);
      default:
        return false;
    }
  }

  /** @param at of the timestamp's upper half */
  #packet(buffer: Buffer, index: number, at: number, end: number, frame: Frame): boolean {
    const known = this.#interfaces[index];
    const heldBytes = this.#word(buffer, at + 8);
    if (known === undefined || heldBytes > end - at - 16 || heldBytes > longestFrame) return false;
    const units = this.#word(buffer, at) * twoTo32 + this.#word(buffer, at + 4);
    this.#lastAtMs = units * known.msPerUnit + known.offsetMs;
    return this.#fill(frame, buffer, at + 16, heldBytes, this.#word(buffer, at + 12), known.linkType);
  }

  #simplePacket(buffer: Buffer, start: number, end: number, frame: Frame): boolean {
    const [known] = this.#interfaces;
    if (known === undefined) return false;
    const wireBytes = this.#word(buffer, start);
    const heldBytes = Math.min(wireBytes, end - start - 4, known.snapBytes === 0 ? longestFrame : known.snapBytes);
    return this.#fill(frame, buffer, start + 4, heldBytes, wireBytes, known.linkType);
  }

  #fill(frame: Frame, buffer: Buffer, start: number, heldBytes: number, wireBytes: number, linkType: number): boolean {
    frame.bytes = buffer;
    frame.start = start;
    frame.end = start + heldBytes;
    frame.wireBytes = wireBytes;
    frame.linkType = linkType;
    frame.atMs = this.#lastAtMs;
    return true;
  }

  #interface(buffer: Buffer, start: number, end: number): Interface {
    let msPerUnit = 0.001;
    let offsetMs = 0;
    for (let at = start + 8; at + 4 <= end; ) {
      const code = this.#half(buffer, at);
      const bytes = this.#half(buffer, at + 2);
      if (code === 0 || at + 4 + bytes > end) break;
      // The upper bit says a power of two, else of ten.
      if (code === optionResolution && bytes >= 1) {
        const resolution = buffer.readUInt8(at + 4);
        msPerUnit = 1_000 / (resolution >= 0x80 ? 2 ** (resolution & 0x7f) : 10 ** resolution);
      }
      if (code === optionOffset && bytes >= 8) offsetMs = 1_000 * Number(this.#little ? buffer.readBigInt64LE(at + 4) : buffer.readBigInt64BE(at + 4));
      at += 4 + Math.ceil(bytes / 4) * 4;
    }
    return { linkType: this.#half(buffer, start), snapBytes: this.#word(buffer, start + 4), msPerUnit, offsetMs };
  }

  #word(buffer: Buffer, at: number): number {
    return this.#little ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at);
  }

  #half(buffer: Buffer, at: number): number {
    return this.#little ? buffer.readUInt16LE(at) : buffer.readUInt16BE(at);
  }
}
