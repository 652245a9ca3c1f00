/** Files as they are written, beside what independent programs read out of them, and as they are read again. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { decodePcmu, encodePcmu } from '../codecs/index.js';
import { fit, speechLike } from '../signal.fixture.js';
import { readResampled } from '../resample.js';
import { parseWav } from '../wav.js';
import { audioFormats, contentTypeOf, extensionOf, openAudioProof, openAudioReader, openAudioWriter, rateFor, type AudioFormat } from './audio-file.js';
import type { AudioReject } from './audio-reader.js';
import type { AudioShape } from './audio-writer.js';

const dir = t.testdir();

/** Channels of speech, silence, noise of full range, and of samples of G.711. */
function channelsOf(count: number, rate: number, frames: number): Int16Array[] {
  const speech = speechLike(rate, Math.ceil(frames / rate));
  const law = new Int16Array(frames);
  decodePcmu(encodePcmu(speech.subarray(0, frames)), law, 0);
  const kinds = [
    speech.subarray(0, frames),
    Int16Array.from({ length: frames }, (_, n) => (n > frames / 4 && n < frames / 2 ? 0 : (speech[frames - n] ?? 0))),
    law,
    Int16Array.from({ length: frames }, (_, n) => Math.imul(n + 1, 2_654_435_761) >> 16),
    new Int16Array(frames),
    new Int16Array(frames).fill(-32_768),
  ];
  return Array.from({ length: count }, (_, n) => kinds[n % kinds.length]!);
}

async function written(format: AudioFormat, channels: readonly Int16Array[], sampleRate: number, codes?: AudioShape['codes']): Promise<Buffer> {
  const frames = channels[0]!.length;
  const writer = await openAudioWriter(format, { channels: channels.length, sampleRate, frames, codes });
  const pieces: Uint8Array[] = [];
  // Pieces of no round size, as they come.
  for (let at = 0; at < frames; at += 5_001) pieces.push(Uint8Array.from(writer.write(channels.map((samples) => samples.subarray(at, at + 5_001)))));
  pieces.push(writer.end());
  writer.close();
  return Buffer.concat(pieces);
}

/** What comes of reading a file in pieces of so many octets. */
async function readAgain(name: string, file: Buffer, pieceBytes = 3_333): Promise<Int16Array[] | AudioReject> {
  const reader = (await openAudioReader(name, file))!;
  const blocks: (readonly Int16Array[])[] = [];
  try {
    for (let at = 0; at <= file.length; at += pieceBytes) {
      const got = at + pieceBytes > file.length ? reader.push(file.subarray(at)) : reader.push(file.subarray(at, at + pieceBytes));
      if (typeof got === 'string') return got;
      blocks.push(...got);
    }
    const rest = reader.end();
    if (typeof rest === 'string') return rest;
    blocks.push(...rest);
    return Array.from({ length: reader.info!.channels }, (_, channel) => {
      const out = new Int16Array(blocks.reduce((sum, block) => sum + block[channel]!.length, 0));
      let at = 0;
      for (const block of blocks) {
        out.set(block[channel]!, at);
        at += block[channel]!.length;
      }
      return out;
    });
  } finally {
    reader.close();
  }
}

const proved = async (name: string, file: Buffer): Promise<AudioReject | undefined> => {
  const proof = (await openAudioProof(name))!;
  try {
    for (let at = 0; at < file.length; at += 4_000) {
      const got = proof.push(file.subarray(at, at + 4_000));
      if (typeof got === 'string') return got;
    }
    const rest = proof.end();
    return typeof rest === 'string' ? rest : undefined;
  } finally {
    proof.close();
  }
};

const saved = (name: string, file: Buffer): string => {
  const path = join(dir, name);
  writeFileSync(path, file);
  return path;
};
const run = (program: string, ...args: string[]): Buffer => execFileSync(program, args, { maxBuffer: 1 << 27, stdio: ['ignore', 'pipe', 'ignore'] });
const interleaved = (channels: readonly Int16Array[]): Buffer => {
  const out = Buffer.alloc(channels.length * channels[0]!.length * 2);
  channels.forEach((samples, channel) => samples.forEach((sample, n) => out.writeInt16LE(sample, 2 * (n * channels.length + channel))));
  return out;
};
const ffmpeg = (path: string): Buffer => run('ffmpeg', '-v', 'error', '-i', path, '-f', 's16le', '-c:a', 'pcm_s16le', 'pipe:1');

t.test('FLAC: flac tests it, decodes it to the very samples, and so do ffmpeg and our reader', async (t) => {
  for (const [rate, count, frames] of [[8_000, 2, 40_960], [16_000, 6, 50_001], [48_000, 1, 100_003], [44_100, 8, 4_097], [11_025, 3, 5], [8_000, 2, 1]] as const) {
    const channels = channelsOf(count, rate, frames);
    const file = await written('flac', channels, rate);
    const path = saved(`${rate}-${count}-${frames}.flac`, file);
    run('flac', '--test', '--silent', path);
    const wanted = interleaved(channels);
    t.ok(run('flac', '--decode', '--stdout', '--silent', '--force-raw-format', '--endian=little', '--sign=signed', path).equals(wanted), `flac ${path}`);
    t.ok(ffmpeg(path).equals(wanted), 'ffmpeg');
    t.strictSame(await readAgain('x.flac', file), channels.map((samples) => Int16Array.from(samples)));
    t.ok(file.length < wanted.length + 300);
  }
});

t.test('FLAC: what others write is read too, or refused as what is not read here', async (t) => {
  for (const kind of [0, 2, 3]) {
    const channels = [channelsOf(4, 16_000, 40_000)[kind]!];
    const wav = saved('others.wav', await written('wav', channels, 16_000));
    for (const level of ['-0', '-5', '-8']) t.strictSame(await readAgain('x.flac', run('flac', '--silent', '--force', level, '--stdout', wav)), channels.map((samples) => Int16Array.from(samples)), level);
  }
  const alike = channelsOf(1, 16_000, 40_000)[0]!;
  const joint = run('flac', '--silent', '--stdout', '-8', saved('joint.wav', await written('wav', [alike, alike], 16_000)));
  t.equal(await readAgain('x.flac', joint), 'unsupported', 'channels that are coded together');
});

t.test('WAV: sox and ffmpeg read the very samples, of PCM and of the codes of G.711', async (t) => {
  const channels = channelsOf(2, 8_000, 8_001);
  const path = saved('pcm.wav', await written('wav', channels, 8_000));
  t.ok(run('sox', path, '-t', 'raw', '-').equals(interleaved(channels)));
  for (const [law, codes] of [['PCMU', 0xff], ['PCMA', 0xd5]] as const) {
    const coded = [Int16Array.from({ length: 8_001 }, (_, n) => n & 0xff), new Int16Array(8_001).fill(codes)];
    const file = await written('wav-g711', coded, 8_000, law);
    t.match(parseWav(file), { format: law.toLowerCase(), channels: 2, bitsPerSample: 8 });
    t.equal(file.length, file.readUInt32LE(4) + 8);
    const read = ffmpeg(saved(`${law}.wav`, file));
    t.ok(run('sox', join(dir, `${law}.wav`), '-t', 'raw', '-e', 'signed', '-b', '16', '-').equals(read));
    t.strictSame(Buffer.from(interleaved((await readAgain('x.wav', file)) as Int16Array[])), read);
    t.equal(await proved('x.wav', file), undefined);
  }
});

t.test('Ogg Opus: opusdec and ffmpeg hear both parties, each on its side, from the first sample to the last', async (t) => {
  for (const [rate, count] of [[8_000, 1], [8_000, 2], [16_000, 2], [48_000, 2], [16_000, 6]] as const) {
    const frames = rate * 3 + 77;
    // The odd ones are silent: whatever is heard of them leaked.
    const channels = channelsOf(count, rate, frames).map((samples, n) => (n % 2 === 1 ? new Int16Array(frames) : n > 1 ? samples.slice().reverse() : samples));
    const file = await written('opus', channels, rate);
    const path = saved(`${rate}-${count}.opus`, file);
    const wanted = Math.round((frames * 48_000) / rate);
    const theirs = count <= 2 ? run('opusdec', '--quiet', '--no-dither', '--rate', '48000', path, '-') : ffmpeg(path);
    t.equal(theirs.length / 2 / count, wanted, `${path} is as long as it was`);
    const samples = (channel: number): Int16Array => Int16Array.from({ length: wanted }, (_, n) => theirs.readInt16LE(2 * (n * count + channel)));
    const original = new Int16Array(24_000);
    readResampled(channels[0]!, rate, 48_000, 48_000, original);
    const { snrDb, gain, shift } = fit(original, samples(0).subarray(48_000), 12);
    t.ok(snrDb > 5 && Math.abs(gain - 1) < 0.2 && Math.abs(shift) <= 12, `${rate} Hz: ${snrDb} dB, gain ${gain}, ${shift} samples off`);
    if (count > 1) t.ok(samples(1).every((sample) => Math.abs(sample) <= 2), 'the silent one is silent');
    const ours = await readAgain('x.opus', file);
    if (typeof ours === 'string') t.fail(ours);
    else {
      t.strictSame(ours.map(({ length }) => length), new Array<number>(count).fill(wanted));
      const first = samples(0);
      // ffmpeg has a decoder of its own, opusdec has libopus.
      if (count > 2) t.ok(fit(first.subarray(0, 48_000), ours[0]!, 2).snrDb > 20, 'our reader hears the same');
      else t.ok(ours[0]!.every((sample, at) => Math.abs(sample - first[at]!) <= 2), 'our reader hears the same');
    }
    t.equal(await proved('x.opus', file), undefined);
  }
});

t.test('MP3: ffmpeg hears both parties, and the file says how long it is', async (t) => {
  for (const rate of [8_000, 16_000, 48_000]) {
    const channels = channelsOf(2, rate, rate * 3);
    const file = await written('mp3', channels, rate);
    const path = saved(`${rate}.mp3`, file);
    const theirs = ffmpeg(path);
    const left = Int16Array.from({ length: theirs.length / 4 }, (_, n) => theirs.readInt16LE(4 * n));
    // An MP3 encoder's delay is 1,105 samples and up to a frame.
    t.ok(fit(channels[0]!.subarray(rate, rate + 8_000), left.subarray(rate), 2_400).snrDb > 8, String(rate));
    t.ok(Math.abs(left.length / rate - 3) < 0.4);
    t.equal(await proved('x.mp3', file), undefined);
    const ours = await readAgain('x.mp3', file);
    if (typeof ours === 'string') throw new Error(ours);
    t.ok(ours.every((samples) => samples.length >= rate * 3), 'all of it');
    // At its place, without the delay; and both are the same decoding, which ffmpeg gives with it.
    ours.forEach((samples, side) => t.ok(fit(channels[side]!.subarray(2 * rate, 2 * rate + 8_000), samples.subarray(2 * rate), 0).snrDb > 8, `${rate} Hz, side ${side}`));
    t.ok(fit(left.subarray(2 * rate - 8_000, 2 * rate), ours[0]!.subarray(2 * rate - 8_000 - 2_400), 2_400).snrDb > 40);
  }
});

t.test('a file that lost its end, or an octet of which was changed, is not whole', async (t) => {
  const channels = channelsOf(2, 8_000, 20_000);
  for (const format of ['wav', 'flac', 'opus', 'mp3'] as const) {
    const file = await written(format, channels, 8_000);
    const name = `x.${extensionOf(format)}`;
    t.equal(await proved(name, file), undefined, format);
    for (const lost of [1, 50, file.length - 60, file.length]) t.type(await proved(name, file.subarray(0, file.length - lost)), 'string', `${format} without ${lost}`);
    t.type(await proved(name, Buffer.concat([file, Buffer.of(0)])), 'string', `${format} with one more`);
    if (format === 'wav' || format === 'mp3') continue;
    for (const at of [0, file.length >> 1, file.length - 1]) {
      const changed = Buffer.from(file);
      changed[at]! ^= 0x10;
      t.type(await proved(name, changed), 'string', `${format} changed at ${at}`);
    }
  }
});

t.test('whatever a file holds, reading it ends with blocks or with a reason', async () => {
  const channels = channelsOf(2, 8_000, 9_000);
  for (const format of ['wav', 'flac', 'opus', 'mp3'] as const) {
    const file = await written(format, channels, 8_000);
    const name = `x.${extensionOf(format)}`;
    await fc.assert(fc.asyncProperty(fc.nat({ max: file.length - 1 }), fc.uint8Array({ minLength: 1, maxLength: 40 }), async (at, octets) => {
      const spoilt = Buffer.from(file);
      spoilt.set(octets.subarray(0, file.length - at), at);
      await proved(name, spoilt);
      await readAgain(name, spoilt, 4_096);
    }), { numRuns: 60 });
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (octets) => typeof (await proved(name, Buffer.from(octets))) === 'string'));
  }
});

t.test('each format has its name, its type and the rates that it can hold', (t) => {
  t.strictSame(audioFormats.map(extensionOf), ['wav', 'wav', 'flac', 'opus', 'mp3']);
  t.strictSame(['a.wav', 'a.flac', 'a.opus', 'a.mp3', 'a.txt'].map(contentTypeOf), ['audio/wav', 'audio/flac', 'audio/ogg', 'audio/mpeg', 'application/octet-stream']);
  t.strictSame([rateFor('opus', 44_100), rateFor('opus', 8_000), rateFor('mp3', 44_100), rateFor('wav', 11_025)], [48_000, 8_000, 44_100, 11_025]);
  t.end();
});
