/**
 * The announcements of the configuration, out of their files.
 *
 * Owns       reading and checking them.
 * Leaves to  media/ what a WAV file is, and the sound.
 */
import { readFile, stat } from 'node:fs/promises';
import { Failure, messageOf } from '../errors/index.js';
import { clip, mixedDown, parseWav, Sound, wavSamples } from '../media/index.js';
import type { PolicySettings } from '../policy/index.js';

/** By name. */
export type Announcements = ReadonlyMap<string, Sound>;

const longestSeconds = 60;
const lowestRate = 8_000;
const highestRate = 48_000;
/** A minute in stereo at 48 kHz has 11.5 MB. */
const fileBytesLimit = 16 * 1024 * 1024;

/** @throws Failure AUDIO_UNUSABLE, with a line for each file that cannot be used. */
export async function loadAnnouncements({ announcements }: Pick<PolicySettings, 'announcements'>): Promise<Announcements> {
  const sounds = new Map<string, Sound>();
  const faults: string[] = [];
  for (const [name, file] of Object.entries(announcements)) {
    const sound = await loadSound(file);
    if (typeof sound === 'string') faults.push(`policy.announcements.${name}: ${file} cannot be used: ${sound}`);
    else sounds.set(name, sound);
  }
  if (faults.length > 0) throw new Failure('AUDIO_UNUSABLE', faults.join('\n'), { facts: { faults: faults.length } });
  return sounds;
}

async function loadSound(file: string): Promise<Sound | string> {
  let bytes: Buffer;
  try {
    if ((await stat(file)).size > fileBytesLimit) return 'it is larger than 16 MiB, which a minute of audio is not';
    bytes = await readFile(file);
  } catch (error) {
    return messageOf(error);
  }
  return soundOf(bytes);
}

/** A sound, or why the file is none. */
export function soundOf(file: Buffer): Sound | string {
  const wav = parseWav(file);
  if (typeof wav === 'string') return `it is no WAV file that can be read (${wav})`;
  const { sampleRate, channels, bitsPerSample } = wav;
  if (sampleRate < lowestRate || sampleRate > highestRate) return `it has ${sampleRate} samples a second, ${lowestRate} to ${highestRate} can be played`;
  if (channels > 2) return `it has ${channels} channels, one or two can be played`;
  const samples = wavSamples(wav);
  if (samples === undefined) return `it has ${bitsPerSample} bits a sample: PCM of 16 bits and G.711 can be played`;
  const mono = mixedDown(samples, channels);
  if (mono.length === 0) return 'it is empty';
  if (mono.length > longestSeconds * sampleRate) return `it is ${Math.ceil(mono.length / sampleRate)} s long, ${longestSeconds} s at most can be played`;
  return new Sound(clip(mono, sampleRate));
}
