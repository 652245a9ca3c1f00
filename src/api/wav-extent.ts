/**
 * How long a WAV file says it is (RIFF).
 *
 * Total: any bytes yield a value.
 */

export type WavExtentReject = 'not-wav' | 'no-data-chunk' | 'sizes-disagree';

/** Bytes that certainly hold everything before the samples of a file of ours. */
export const wavHeadBytes = 4_096;

/** Bytes of the whole file by its header. `head`: its beginning, at least up to the data chunk. */
export const wavExtent = (head: Buffer): number | WavExtentReject => {
  if (head.length < 12 || head.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8, 12) !== 'WAVE') return 'not-wav';
  const fileBytes = 8 + head.readUInt32LE(4);
  for (let at = 12; at + 8 <= head.length; ) {
    const chunkBytes = head.readUInt32LE(at + 4);
    const padded = chunkBytes + (chunkBytes % 2);
    if (head.toString('latin1', at, at + 4) === 'data') {
      // Some writers leave out the pad of an odd chunk at the end.
      return fileBytes === at + 8 + padded || fileBytes === at + 8 + chunkBytes ? fileBytes : 'sizes-disagree';
    }
    at += 8 + padded;
  }
  return 'no-data-chunk';
};
