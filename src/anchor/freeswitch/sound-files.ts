/**
 * Sounds as WAV files in a folder that FreeSWITCH reads, under a name made of what is in them.
 *
 * A file is written when it is first needed, and stays: there are as many as there are announcements.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { encodeWavHeader, type Sound } from '../../media/index.js';

/** Enough for G.722; FreeSWITCH brings it to the rate of a call. */
const sampleRate = 16_000;

export interface SoundFolder {
  /** As we write to it. */
  readonly dir: string;
  /** As FreeSWITCH sees it, where that is another machine or a container. */
  readonly seenAs: string;
}

export class SoundFiles {
  readonly #folder: SoundFolder;
  readonly #paths = new WeakMap<Sound, Promise<string>>();

  constructor(folder: SoundFolder) {
    this.#folder = folder;
  }

  /** The path of the file, as FreeSWITCH sees it. @throws what kept it from being written. */
  path(sound: Sound): Promise<string> {
    let path = this.#paths.get(sound);
    if (path === undefined) {
      path = this.#write(sound);
      this.#paths.set(sound, path);
      // A folder that was not there may be later.
      path.catch(() => this.#paths.delete(sound));
    }
    return path;
  }

  async #write({ audio }: Sound): Promise<string> {
    const samples = new Int16Array(Math.ceil((audio.durationMs * sampleRate) / 1_000));
    audio.read(sampleRate, 0, samples);
    const data = Buffer.allocUnsafe(2 * samples.length);
    samples.forEach((sample, n) => data.writeInt16LE(sample, 2 * n));
    const file = Buffer.concat([encodeWavHeader({ channels: 1, sampleRate, bitsPerSample: 16, format: 'pcm', frames: samples.length }), data]);
    const name = `twintrack-${createHash('sha256').update(file).digest('hex').slice(0, 32)}.wav`;
    const { dir, seenAs } = this.#folder;
    await mkdir(dir, { recursive: true });
    // Whole or not at all: FreeSWITCH may be reading one that an earlier run wrote.
    const unfinished = join(dir, `${name}.${randomUUID()}`);
    try {
      await writeFile(unfinished, file);
      await rename(unfinished, join(dir, name));
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
    return posix.join(seenAs, name);
  }
}
