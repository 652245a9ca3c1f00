/** One media of an SDP by itself. Pure. */
import { splitSdp } from './sdp-lines.js';

/** The session's lines and that media's, byte for byte; without the media where there is none of that index. */
export function sdpOfMedia(text: string, index: number): string {
  const { session, media } = splitSdp(text);
  return [...session, ...(media[index] ?? [])].map((line) => line.text + line.ending).join('');
}
