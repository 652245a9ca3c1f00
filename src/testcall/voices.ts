/**
 * Two voices that no one can take for each other, for calls whose recording is compared sample by sample.
 *
 * Each is a tune of its own, with a breath between the notes, so that a listener hears at once whether a
 * recording runs, and a shift by a single sample changes nearly every sample.
 */
import { Failure } from '../errors/index.js';
import { parseWav, wavSamples } from '../media/index.js';

export const voiceRate = 8_000;

/** Endless audio at 8,000 samples a second. */
export type Voice = (frame: number) => number;

const notesPerSecond = 4;
/** Semitones above the root: going up for the caller, down for the callee. */
const tunes = { caller: [0, 4, 7, 12, 7, 4], callee: [12, 7, 3, 0, 5, 8] } as const;
const roots = { caller: 220, callee: 330 } as const;

export function tune(of: keyof typeof tunes): Voice {
  const notes = tunes[of];
  const noteFrames = voiceRate / notesPerSecond;
  return (frame) => {
    const note = notes[Math.floor(frame / noteFrames) % notes.length] ?? 0;
    const within = frame % noteFrames;
    // Rises and falls within the note: no click, and a breath at its end.
    const swell = Math.sin((Math.PI * within) / noteFrames) ** 2;
    const hertz = roots[of] * 2 ** (note / 12);
    const phase = (2 * Math.PI * hertz * frame) / voiceRate;
    return Math.round(9_000 * swell * (Math.sin(phase) + 0.4 * Math.sin(2 * phase) + 0.2 * Math.sin(3 * phase)));
  };
}

export interface Recorded {
  readonly caller: Voice;
  readonly callee: Voice;
  readonly seconds: number;
}

/**
 * The voices of a WAV file: left for the caller and right for the callee, or one for both; it starts again at its end.
 *
 * @throws Failure AUDIO_UNUSABLE for anything but PCM of 16 bits or G.711, at 8,000 Hz, mono or stereo.
 */
export function voicesOf(file: Buffer, name: string): Recorded {
  const wav = parseWav(file);
  const unusable = (why: string): Failure =>
    new Failure('AUDIO_UNUSABLE', `${name} cannot be played: ${why}. This makes one that can: sox ${name} -r 8000 -b 16 call.wav`);
  if (typeof wav === 'string') throw unusable(`it is no WAV file that can be read (${wav})`);
  if (wav.sampleRate !== voiceRate) throw unusable(`it has ${wav.sampleRate} samples a second, a call has ${voiceRate}`);
  if (wav.channels > 2) throw unusable(`it has ${wav.channels} channels, a call has two sides`);
  const samples = wavSamples(wav);
  if (samples === undefined) throw unusable(`it has ${wav.bitsPerSample} bits a sample, 16 are needed`);
  const frames = Math.floor(samples.length / wav.channels);
  if (frames === 0) throw unusable('it is empty');
  const channel =
    (at: number): Voice =>
    (frame) =>
      samples[(frame % frames) * wav.channels + at] ?? 0;
  return { caller: channel(0), callee: channel(wav.channels - 1), seconds: frames / voiceRate };
}
