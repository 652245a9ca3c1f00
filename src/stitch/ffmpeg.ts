/**
 * ffmpeg on this machine, for speech codecs that have no decoder of ours: found once.
 *
 * Leaves to  outside-decoder.ts its processes.
 */
import { execFile } from 'node:child_process';
import type { FramedSpeech } from '../media/index.js';

export interface SpeechProgram {
  readonly path: string;
  readonly containers: ReadonlySet<FramedSpeech['container']>;
}

/** ffmpeg's decoders, by the container of their frames. */
const decodersOf: Readonly<Record<FramedSpeech['container'], readonly string[]>> = { g729: ['g729'], ilbc: ['ilbc'], amr: ['amrnb', 'amrwb'] };

const answerWithinMs = 10_000;

let found: Promise<SpeechProgram | undefined> | undefined;

/** Undefined where there is none that runs. */
export const findFfmpeg = (): Promise<SpeechProgram | undefined> => (found ??= look('ffmpeg'));

function look(path: string): Promise<SpeechProgram | undefined> {
  return new Promise((resolve) => {
    execFile(path, ['-hide_banner', '-decoders'], { timeout: answerWithinMs, maxBuffer: 1 << 20 }, (error, stdout) => {
      if (error !== null) {
        resolve(undefined);
        return;
      }
      const names = new Set(stdout.split('\n').map((line) => line.trim().split(/\s+/)[1]));
      const containers = Object.entries(decodersOf).flatMap(([container, decoders]) => (decoders.every((decoder) => names.has(decoder)) ? [container as FramedSpeech['container']] : []));
      resolve({ path, containers: new Set(containers) });
    });
  });
}
