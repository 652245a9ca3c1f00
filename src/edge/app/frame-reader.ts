/**
 * Frames of the drachtio protocol: the payload's length in bytes, in ASCII digits, `#`, the payload.
 *
 * Pure: chunks in, payloads out, whatever the segmentation. Payloads are text of one byte per
 * character (latin1), so that the length needs no counting.
 *
 * Invariant 1: at most `MAX_FRAME_BYTES` and a few digits are held.
 */
export const MAX_FRAME_BYTES = 262_144;

export type FrameReason = 'bad-length' | 'frame-too-large';

export interface Frames {
  readonly payloads: readonly string[];
  /** Set when the stream can't be followed any further: answer and close. */
  readonly reason?: FrameReason;
}

export class FrameReader {
  #chunks: string[] = [];
  #held = 0;
  /** Bytes needed before anything more can be read. */
  #wanted = 1;

  push(chunk: string): Frames {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#wanted) return { payloads: [] };
    let text = this.#chunks.length === 1 ? chunk : this.#chunks.join('');
    const payloads: string[] = [];
    let reason: FrameReason | undefined;
    this.#wanted = 1;
    for (;;) {
      let at = 0;
      let length = 0;
      for (; at < text.length; at += 1) {
        const digit = text.charCodeAt(at) - 0x30;
        if (digit < 0 || digit > 9) break;
        length = length * 10 + digit;
        if (length > MAX_FRAME_BYTES) reason = 'frame-too-large';
        if (reason !== undefined) break;
      }
      if (reason !== undefined) break;
      if (at === text.length) {
        if (at > 6) reason = 'bad-length';
        break;
      }
      if (at === 0 || text[at] !== '#' || length === 0) {
        reason = 'bad-length';
        break;
      }
      const end = at + 1 + length;
      if (text.length < end) {
        this.#wanted = end;
        break;
      }
      payloads.push(text.slice(at + 1, end));
      text = text.slice(end);
    }
    this.#chunks = text === '' || reason !== undefined ? [] : [text];
    this.#held = reason === undefined ? text.length : 0;
    return reason === undefined ? { payloads } : { payloads, reason };
  }
}

/** One frame as it goes on the wire. */
export const encodeFrame = (payload: string): string => `${payload.length}#${payload}`;
