/**
 * The frames of a packet capture, out of its bytes as they come: pcap or pcapng, told by its first four bytes.
 *
 * Pure and total: any bytes give frames, or the reason why there are no more.
 *
 * Owns       telling the formats apart, and what is kept between two pieces of a file.
 * Leaves to  pcap.ts and pcapng.ts the formats; link-layer.ts what is in a frame.
 * Lifetime   `frame.bytes` is the reader's: whoever keeps a frame beyond the next `next` or `push` copies it.
 */
import { needMore, type Frame, type FrameFormat } from './frame.js';
import { openPcap } from './pcap.js';
import { openPcapng } from './pcapng.js';

/** Why there are no more frames, though the file goes on. */
export type FrameDamage = 'not-a-capture' | 'damaged';

const magicBytes = 4;

export class FrameReader {
  readonly frame: Frame = { bytes: Buffer.alloc(0), start: 0, end: 0, wireBytes: 0, linkType: 0, atMs: 0 };
  /** Set when the bytes that follow mean nothing. */
  damage: FrameDamage | undefined;
  #format: FrameFormat | undefined;
  #held: Buffer = Buffer.alloc(0);
  #at = 0;

  get format(): FrameFormat['name'] | undefined {
    return this.#format?.name;
  }

  /** Bytes that came and are no whole frame. */
  get heldBytes(): number {
    return this.#held.length - this.#at;
  }

  push(chunk: Buffer): void {
    this.#held = this.heldBytes === 0 ? chunk : Buffer.concat([this.#held.subarray(this.#at), chunk]);
    this.#at = 0;
    if (this.#format === undefined && this.damage === undefined) this.#open();
  }

  /** Whether `frame` is the next one; otherwise more bytes are needed, or there is damage. */
  next(): boolean {
    while (this.damage === undefined) {
      const taken = this.#format?.take(this.#held, this.#at, this.frame) ?? needMore;
      if (taken === 'damaged') {
        this.damage = taken;
        return false;
      }
      if (taken.bytes === 0) return false;
      this.#at += taken.bytes;
      if (taken.isFrame) return true;
    }
    return false;
  }

  #open(): void {
    if (this.heldBytes < magicBytes) return;
    this.#format = openPcapng(this.#held, this.#at) ?? openPcap(this.#held.readUInt32BE(this.#at));
    if (this.#format === undefined) this.damage = 'not-a-capture';
  }
}
