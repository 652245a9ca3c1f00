import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { encodeWavHeader } from '../media/index.js';
import { toneIn } from '../media/signal.fixture.js';
import { loadAnnouncements, soundOf } from './announcement-files.js';

function wavOf({ seconds = 1, sampleRate = 8_000, channels = 1 } = {}): Buffer {
  const frames = seconds * sampleRate;
  const data = Buffer.alloc(frames * channels * 2);
  for (let n = 0; n < frames; n += 1) for (let channel = 0; channel < channels; channel += 1) data.writeInt16LE(Math.round(8_000 * Math.sin((2 * Math.PI * 500 * n) / sampleRate)), (n * channels + channel) * 2);
  return Buffer.concat([encodeWavHeader({ channels, sampleRate, bitsPerSample: 16, format: 'pcm', frames }), data]);
}

/** G.711 in a WAV: the header of PCM with another tag and width. */
function g711Wav(tag: number): Buffer {
  const file = Buffer.concat([encodeWavHeader({ channels: 1, sampleRate: 8_000, bitsPerSample: 16, format: 'pcm', frames: 400 }), Buffer.alloc(800, 0x55)]);
  file.writeUInt16LE(tag, 20);
  file.writeUInt16LE(1, 32);
  file.writeUInt16LE(8, 34);
  return file;
}

t.test('a WAV of any usual rate, mono or stereo, is a sound of its length and pitch', (t) => {
  for (const sampleRate of [8_000, 11_025, 22_050, 44_100, 48_000]) {
    for (const channels of [1, 2]) {
      const sound = soundOf(wavOf({ sampleRate, channels }));
      if (typeof sound === 'string') throw new Error(sound);
      t.equal(sound.audio.durationMs, 1_000);
      const samples = new Int16Array(4_000);
      sound.audio.read(8_000, 2_000, samples);
      t.ok(Math.abs(toneIn(samples, 8_000, 500) - 8_000) < 50, `${sampleRate} Hz, ${channels}`);
    }
  }
  for (const tag of [6, 7]) t.type(soundOf(g711Wav(tag)), 'object', 'G.711');
  t.end();
});

t.test('what cannot be played is refused with its reason', (t) => {
  const rows: [string, Buffer, RegExp][] = [
    ['no WAV', Buffer.from('ID3 an mp3 file, as its name does not say'), /no WAV file that can be read \(not-wav\)/u],
    ['too long', wavOf({ seconds: 61 }), /is 61 s long, 60 s at most/u],
    ['empty', wavOf({ seconds: 0 }), /is empty/u],
    ['too many channels', wavOf({ seconds: 0.1, channels: 3 }), /3 channels/u],
    ['too slow', wavOf({ seconds: 0.1, sampleRate: 4_000 }), /4000 samples a second/u],
    ['too fast', wavOf({ seconds: 0.1, sampleRate: 96_000 }), /96000 samples a second/u],
  ];
  for (const [what, file, why] of rows) t.match(soundOf(file), why, what);
  t.type(soundOf(wavOf({ seconds: 60 })), 'object', 'a minute is not too long');
  t.end();
});

t.test('all files that cannot be used are named at once', async (t) => {
  const dir = t.testdir({ 'text.wav': 'text' });
  await writeFile(join(dir, 'good.wav'), wavOf());
  t.strictSame([...(await loadAnnouncements({ announcements: { good: join(dir, 'good.wav') } })).keys()], ['good']);
  t.strictSame([...(await loadAnnouncements({ announcements: {} })).keys()], []);
  const bad = { good: join(dir, 'good.wav'), missing: join(dir, 'missing.wav'), text: join(dir, 'text.wav'), folder: dir };
  await t.rejects(loadAnnouncements({ announcements: bad }), {
    code: 'AUDIO_UNUSABLE',
    message: /^policy\.announcements\.missing: \S+missing\.wav cannot be used: ENOENT.*\npolicy\.announcements\.text: .*no WAV file.*\npolicy\.announcements\.folder: .*$/u,
  });
});
