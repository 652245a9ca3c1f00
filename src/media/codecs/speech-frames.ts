/**
 * Speech codecs of which only the frames are known here: how payloads hold them, and how a program that decodes them
 * wants them in a file. Pure.
 *
 * G.729 (RFC 3551 §4.5.6): frames of 10 octets for 10 ms, at the end perhaps two of comfort noise (annex B).
 * iLBC (RFC 3952): frames of 38 octets for 20 ms or of 50 for 30 ms.
 */

export interface FramedSpeech {
  /** ffmpeg's name for files of such frames, and how they begin. */
  readonly container: 'g729' | 'ilbc' | 'amr';
  readonly head: string;
  readonly frameSamples: number;
  /** The frames of a payload as in a file; undefined for one that is silence, none for a malformed payload. */
  framesIn(payload: Buffer): readonly (Buffer | undefined)[];
}

export function cutInFrames(payload: Buffer, frameBytes: number): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + frameBytes <= payload.length; at += frameBytes) frames.push(payload.subarray(at, at + frameBytes));
  return frames;
}

const g729FrameBytes = 10;
const g729NoiseBytes = 2;

export const g729Frames: FramedSpeech = {
  container: 'g729',
  head: '',
  frameSamples: 80,
  framesIn: (payload) => {
    const rest = payload.length % g729FrameBytes;
    return rest === 0 || rest === g729NoiseBytes ? cutInFrames(payload, g729FrameBytes) : [];
  },
};

const ilbc = (mode: 20 | 30): FramedSpeech => {
  const frameBytes = mode === 20 ? 38 : 50;
  return {
    container: 'ilbc',
    head: `#!iLBC${mode}\n`,
    frameSamples: mode * 8,
    framesIn: (payload) => (payload.length % frameBytes === 0 ? cutInFrames(payload, frameBytes).map((frame) => (isSpeech(frame, mode) ? frame : undefined)) : []),
  };
};

/**
 * RFC 3951 §3.8: the last bit of an empty frame is set; where the start state lies is 1 to 3 of two bits, or 1 to 5 of
 * three, after one or two sets of 20 bits.
 */
function isSpeech(frame: Buffer, mode: 20 | 30): boolean {
  if (((frame[frame.length - 1] ?? 0) & 1) === 1) return false;
  const start = mode === 20 ? ((frame[2] ?? 0) >> 2) & 3 : (frame[5] ?? 0) >> 5;
  return start >= 1 && start <= (mode === 20 ? 3 : 5);
}

const [ilbc20, ilbc30] = [ilbc(20), ilbc(30)];

/** RFC 3952 §4.2: 30 ms unless `mode` says 20. */
export const ilbcFrames = (fmtp: string): FramedSpeech => (/(?:^|[;\s])mode\s*=\s*20\b/i.test(fmtp) ? ilbc20 : ilbc30);
