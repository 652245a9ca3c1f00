/** MP3 files proved frame by frame, without being decoded (ISO/IEC 11172-3 §2.4.1, 13818-3 §2.4.1; "2.5" is its extension). */
import type { AudioInfo, AudioReader, AudioReject } from './audio-reader.js';

const headBytes = 4;
/** By the version's bits: 2.5, none, 2, 1. */
const rates = [[11_025, 12_000, 8_000], [], [22_050, 24_000, 16_000], [44_100, 48_000, 32_000]];
/** kbit/s of layer III: version 1, and the others. */
const bitrates1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const bitrates2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

interface Mp3Frame {
  readonly bytes: number;
  readonly info: AudioInfo;
}

export function openMp3Reader(): AudioReader {
  let held: Buffer = Buffer.alloc(0);
  let info: AudioInfo | undefined;
  const passed = (): AudioReject | readonly [] => {
    while (held.length >= headBytes) {
      const frame = frameOf(held);
      if (frame === undefined || (info !== undefined && (frame.info.sampleRate !== info.sampleRate || frame.info.channels !== info.channels))) return info === undefined ? 'not-mp3' : 'damaged';
      if (held.length < frame.bytes) break;
      info = frame.info;
      held = held.subarray(frame.bytes);
    }
    return [];
  };
  return {
    get info() {
      return info;
    },
    push(piece) {
      held = held.length === 0 ? piece : Buffer.concat([held, piece]);
      return passed();
    },
    end: () => (info === undefined ? 'not-mp3' : held.length === 0 ? [] : 'cut'),
    close: () => undefined,
  };
}

function frameOf(bytes: Buffer): Mp3Frame | undefined {
  const head = bytes.readUInt32BE(0);
  const version = (head >>> 19) & 3;
  const [bitrate, sampleRate] = [(version === 3 ? bitrates1 : bitrates2)[(head >>> 12) & 15], rates[version]?.[(head >>> 10) & 3]];
  // The frame's sync, and layer III.
  if (head >>> 21 !== 0x7ff || ((head >>> 17) & 3) !== 1 || bitrate === undefined || bitrate === 0 || sampleRate === undefined) return undefined;
  const samples = version === 3 ? 1_152 : 576;
  const padding = (head >>> 9) & 1;
  return { bytes: Math.floor((samples * bitrate * 125) / sampleRate) + padding, info: { channels: ((head >>> 6) & 3) === 3 ? 1 : 2, sampleRate, frames: undefined } };
}
