/** What is heard of each codec, beside what an independent decoder makes of the same payloads. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import type { CaptureCodec } from '../capture/index.js';
import { encodePcma, encodePcmu, encodeRtp, G722Encoder } from '../media/index.js';
import { encodeOggPage } from '../media/files/ogg-pages.js';
import { openOpusTranscoder } from '../media/codecs/opus.js';
import { fit, speechLike } from '../media/signal.fixture.js';
import { loadOrCreateKeys, openObjectStore } from '../vault/index.js';
import { beginMs, captured, generated, heard, packetMs, Speaker, spoken, streamOf } from './call.fixture.js';
import { stitch } from './stitch.js';

const home = t.testdir();
const keys = await loadOrCreateKeys(join(home, 'keys'));
const store = await openObjectStore(join(home, 'vault'), keys);

const raw = (rate: number): string[] => ['-t', 'raw', '-r', String(rate), '-e', 'signed', '-b', '16', '-c', '1'];
const run = (program: string, input: Buffer, ...args: string[]): Buffer => execFileSync(program, args, { input, maxBuffer: 1 << 26 });
const sox = (input: Buffer, type: string, rate: number): Int16Array => samplesOf(run('sox', input, '-t', type, '-r', String(rate), '-c', '1', '-', ...raw(rate), '-'));
const ffmpeg = (input: Buffer, container: string, rate: number): Int16Array => samplesOf(run('ffmpeg', input, '-v', 'error', '-f', container, '-i', 'pipe:0', '-f', 's16le', '-ar', String(rate), 'pipe:1'));
const samplesOf = (bytes: Buffer): Int16Array => Int16Array.from({ length: bytes.length >> 1 }, (_, n) => bytes.readInt16LE(2 * n));

interface Line extends CaptureCodec {
  /** Of each payload. */
  readonly ticks: number;
}

/** A party that says these payloads, a packet each, by its codec. */
const said = (payloads: readonly Buffer[], { payloadType, clockRate, ticks }: Line, stream = 0, startMs = beginMs, ssrc = 77): { atMs: number; stream: number; bytes: Buffer }[] =>
  payloads.map((payload, n) => ({
    atMs: startMs + (n * ticks * 1000) / clockRate,
    stream,
    bytes: encodeRtp({ payloadType, sequenceNumber: (65_500 + n) & 0xffff, timestamp: (4_294_960_000 + n * ticks) >>> 0, ssrc, payload }),
  }));

const line = (name: string, clockRate: number, ticks: number, more: Partial<Line> = {}): Line => ({ payloadType: 96, name, clockRate, channels: 1, ticks, ...more });

let captures = 0;

/** The caller's channel of a call in which the callee says nothing. */
async function recorded(name: string, payloads: readonly Buffer[], codec: Line): Promise<{ samples: Int16Array; report: Awaited<ReturnType<typeof stitch>>['report'] }> {
  const source = await captured(home, keys, said(payloads, codec), { captureId: `of-${(captures += 1)}`, streams: [streamOf(0, { codecs: [codec] }), streamOf(1)] });
  const { report, objectName } = await stitch(name, [source], keys, store);
  return { samples: (await heard(store, objectName))[0]!, report };
}

const cut = (bytes: Buffer, length: number): Buffer[] => Array.from({ length: Math.floor(bytes.length / length) }, (_, n) => bytes.subarray(n * length, (n + 1) * length));
const equal = (one: Int16Array, other: Int16Array): boolean => Buffer.from(one.buffer, one.byteOffset, one.byteLength).equals(Buffer.from(other.buffer, other.byteOffset, other.byteLength));

const speech = speechLike(8_000, 4);
const noise = Int16Array.from({ length: 16_000 }, (_, n) => Math.imul(n + 1, 2_654_435_761) >> 16);
const loud = Int16Array.from([...speech, ...noise]);

t.test('G.711: the very samples that sox hears, of both laws', async (t) => {
  for (const [name, type, encode] of [['PCMU', 'ul', encodePcmu], ['PCMA', 'al', encodePcma]] as const) {
    const codes = Buffer.concat([encode(loud), Buffer.from(Array.from({ length: 320 }, (_, code) => code & 0xff))]);
    const { samples, report } = await recorded(`golden ${name}`, cut(codes, 160), line(name, 8_000, 160));
    t.ok(equal(samples, sox(codes, type, 8_000)), name);
    t.match(report, { state: 'complete', sampleRate: 8_000, channels: [{ codec: name, driftMs: 0 }, {}] });
  }
});

t.test('L16: the very samples, in mono at 16,000 Hz', async (t) => {
  const bytes = Buffer.from(loud.buffer.slice(0)).swap16();
  const { samples, report } = await recorded('golden L16', cut(bytes, 640), line('L16', 16_000, 320));
  t.ok(equal(samples, loud.subarray(0, samples.length)));
  t.equal(samples.length, loud.length);
  t.equal(report.sampleRate, 16_000);
});

t.test("GSM: the very samples of libgsm's decoder in sox", async (t) => {
  const frames = run('sox', Buffer.from(loud.buffer), ...raw(8_000), '-', '-t', 'gsm', '-');
  const { samples } = await recorded('golden GSM', cut(frames, 33), line('GSM', 8_000, 160, { payloadType: 3 }));
  const theirs = sox(frames, 'gsm', 8_000);
  t.ok(theirs.length >= loud.length - 160 && equal(samples.subarray(0, theirs.length), theirs));
});

t.test("G.722: at its true pitch and length, the samples of ffmpeg's decoder", async (t) => {
  const codes = new G722Encoder().encode(speechLike(16_000, 4));
  const { samples, report } = await recorded('golden G722', cut(codes, 160), line('G722', 8_000, 160, { payloadType: 9 }));
  t.match(report, { sampleRate: 16_000, durationMs: 4_000, channels: [{ codec: 'G722' }, {}] });
  const theirs = ffmpeg(codes, 'g722', 16_000);
  t.equal(samples.length, theirs.length);
  t.ok(fit(theirs.subarray(0, 20_000), samples, 2).snrDb > 60);
  t.equal(fit(theirs.subarray(0, 20_000), samples, 2).shift, 0);
});

t.test('Opus: within the rounding of opusdec', async (t) => {
  const encoder = await openOpusTranscoder(1);
  const mono = speechLike(48_000, 2);
  const packets = Array.from({ length: 100 }, (_, n) => encoder.encode(mono.subarray(n * 960, (n + 1) * 960)));
  encoder.close();
  const { samples, report } = await recorded('golden Opus', packets, line('opus', 48_000, 960, { channels: 2, payloadType: 111 }));
  t.match(report, { sampleRate: 48_000, durationMs: 2_000 });
  const head = Buffer.from('4f707573486561640101000080bb0000000000', 'hex');
  const tags = Buffer.concat([Buffer.from('OpusTags'), Buffer.from('0100000078' + '00000000', 'hex')]);
  const pages = [encodeOggPage([head], { granule: 0, serial: 1, sequence: 0, first: true }), encodeOggPage([tags], { granule: 0, serial: 1, sequence: 1 }), ...packets.map((packet, n) => encodeOggPage([packet], { granule: 960 * (n + 1), serial: 1, sequence: n + 2, last: n === 99 }))];
  const theirs = samplesOf(run('opusdec', Buffer.concat(pages), '--quiet', '--no-dither', '--rate', '48000', '-', '-'));
  t.equal(theirs.length, samples.length);
  t.ok(samples.every((sample, n) => Math.abs(sample - theirs[n]!) <= 2), 'no sample is off by more than 2 of 32,768');
});

/** Frames that no encoder made: any bits are speech to these codecs. */
function frames(count: number, bytes: number, fixed: (frame: Buffer) => void = () => undefined): Buffer[] {
  const next = generated(bytes);
  return Array.from({ length: count }, () => {
    const frame = Buffer.from(Array.from({ length: bytes }, () => Math.floor(next() * 256)));
    fixed(frame);
    return frame;
  });
}

t.test('G.729, iLBC, AMR and AMR-WB: frame by frame what ffmpeg makes of a file of them, two frames a packet', async (t) => {
  const g729 = frames(200, 10);
  const ilbc20 = frames(200, 38, (frame) => void ((frame[2] = (frame[2]! & ~0x0c) | 0x04), (frame[37] = frame[37]! & 0xfe)));
  const ilbc30 = frames(200, 50, (frame) => void ((frame[5] = (frame[5]! & 0x1f) | 0x60), (frame[49] = frame[49]! & 0xfe)));
  const amr = frames(200, 31, (frame) => void (frame[30] = frame[30]! & 0xf0));
  const wide = frames(200, 32, (frame) => void (frame[31] = frame[31]! & 0xf8));
  const pairs = (all: Buffer[], head: readonly number[]): Buffer[] => all.flatMap((frame, n) => (n % 2 === 0 ? [Buffer.concat([Buffer.from(head), frame, all[n + 1]!])] : []));
  const stored = (all: Buffer[], head: string, type?: number): Buffer => Buffer.concat([Buffer.from(head), ...all.map((frame) => (type === undefined ? frame : Buffer.concat([Buffer.of((type << 3) | 4), frame])))]);
  const entry = (type: number): number[] => [0xf0, 0x80 | (type << 3) | 4, (type << 3) | 4];
  for (const [name, payloads, codec, file, container] of [
    ['G729', pairs(g729, []), line('G729', 8_000, 160, { payloadType: 18 }), stored(g729, ''), 'g729'],
    ['iLBC', pairs(ilbc20, []), line('iLBC', 8_000, 320, { fmtp: 'mode=20' }), stored(ilbc20, '#!iLBC20\n'), 'ilbc'],
    ['iLBC', pairs(ilbc30, []), line('iLBC', 8_000, 480), stored(ilbc30, '#!iLBC30\n'), 'ilbc'],
    ['AMR', pairs(amr, entry(7)), line('AMR', 8_000, 320, { fmtp: 'octet-align=1' }), stored(amr, '#!AMR\n', 7), 'amr'],
    ['AMR-WB', pairs(wide, entry(2)), line('AMR-WB', 16_000, 640, { fmtp: 'octet-align=1' }), stored(wide, '#!AMR-WB\n', 2), 'amr'],
  ] as const) {
    const { samples, report } = await recorded(`golden ${name} ${codec.ticks}`, payloads, codec);
    t.match(report, { state: 'complete', sampleRate: codec.clockRate, channels: [{ codec: name, gaps: [] }, {}] });
    t.ok(equal(samples, ffmpeg(file, container, codec.clockRate)), `${name} ${codec.ticks}`);
  }
});

t.test('speech frames around a minute of silence and comfort noise: every sample in its place', async (t) => {
  const g729 = frames(300, 10);
  const codec = line('G729', 8_000, 80, { payloadType: 18 });
  const source = await captured(t.testdir(), keys, [
    ...said(g729, codec).map(({ atMs, stream, bytes }, n) => {
      if (n >= 150) bytes.writeUInt32BE((4_294_960_000 + n * 80 + 480_000) >>> 0, 4);
      return { atMs: n < 150 ? atMs : atMs + 60_000, stream, bytes };
    }),
    // The other goes on speaking, so the recording moves on past what the decoder holds back.
    ...spoken(new Speaker(2), 1, [0, 3_200]),
  ], { streams: [streamOf(0, { codecs: [codec] }), streamOf(1)] });
  const { report, objectName } = await stitch('g729 pause', [source], keys, store);
  const [left] = await heard(store, objectName);
  const theirs = ffmpeg(Buffer.concat(g729), 'g729', 8_000);
  t.ok(equal(left!.subarray(0, 12_000), theirs.subarray(0, 12_000)), 'up to the pause, its last frames too');
  t.ok(left!.subarray(12_000, 492_000).every((sample) => sample === 0));
  const after = left!.subarray(492_000, 492_000 + 12_000);
  t.ok(fit(theirs.subarray(14_000, 24_000), after.subarray(2_000), 1).snrDb > 10, 'after it the decoder goes on');
  t.match(report.channels, [{ gaps: [{ atMs: 1_500, ms: 60_000, cause: 'dtx' }] }, {}]);
});

t.test('without ffmpeg, or when it dies, the other party is heard, and the report names the codec', async (t) => {
  const codec = line('G729', 8_000, 160, { payloadType: 18 });
  const source = await captured(t.testdir(), keys, [...said(frames(100, 20), codec), ...spoken(new Speaker(2), 1, [0, 100])], { streams: [streamOf(0, { codecs: [codec] }), streamOf(1)] });
  const dying = { path: '/bin/true', containers: new Set(['g729'] as const) };
  const hanging = { path: '/nonexistent/ffmpeg', containers: new Set(['g729'] as const) };
  for (const program of [undefined, dying, hanging]) {
    const { report, objectName } = await stitch('no ffmpeg', [source], keys, store, [], { program });
    t.match(report, { state: 'partial', reason: 'the codec of the caller (G729) cannot be decoded here', durationMs: 2_000, channels: [{ codec: 'G729', packetsReceived: 100 }, {}] });
    const [left, right] = await heard(store, objectName);
    t.ok(left!.every((sample) => sample === 0) && right!.some((sample) => sample !== 0));
  }
});

t.test('two codecs of different rates in one call: the recording has the higher, and both parties their place', async (t) => {
  const wideband = line('G722', 8_000, 160, { payloadType: 9 });
  const tone = (rate: number): Int16Array => Int16Array.from({ length: rate * 2 }, (_, n) => Math.round(8_000 * Math.sin((2 * Math.PI * 500 * n) / rate)));
  const source = await captured(t.testdir(), keys, [
    ...said(cut(encodePcmu(tone(8_000)), 160), line('PCMU', 8_000, 160, { payloadType: 0 })),
    ...said(cut(new G722Encoder().encode(tone(16_000)), 160), wideband, 1, beginMs + 500, 78),
  ], { streams: [streamOf(0), streamOf(1, { codecs: [wideband] })] });
  const { report, objectName } = await stitch('two rates', [source], keys, store);
  t.match(report, { sampleRate: 16_000, durationMs: 2_500, channels: [{ codec: 'PCMU' }, { codec: 'G722', offsetMs: 500 }] });
  const [left, right] = await heard(store, objectName);
  const wanted = tone(16_000);
  t.ok(fit(wanted.subarray(1_600, 28_000), left!.subarray(1_600), 8).snrDb > 30);
  t.equal(fit(wanted.subarray(1_600, 28_000), left!.subarray(1_600), 8).shift, 0);
  // G.722's own filters are 22 samples of delay.
  t.equal(fit(wanted.subarray(1_600, 28_000), right!.subarray(9_600), 30).shift, 22);
});

t.test('a codec change in the midst, of other pitch and clock: both are heard, nothing between', async (t) => {
  const opus = line('opus', 48_000, 960, { payloadType: 111 });
  const encoder = await openOpusTranscoder(1);
  const mono = speechLike(48_000, 2);
  const packets = Array.from({ length: 100 }, (_, n) => encoder.encode(mono.subarray(n * 960, (n + 1) * 960)));
  encoder.close();
  const narrow = said(cut(encodePcmu(speechLike(8_000, 2)), 160), line('PCMU', 8_000, 160, { payloadType: 0 }));
  // The same source goes on, with the next numbers.
  const after = said(packets, opus, 0, beginMs + 100 * packetMs).map((one, n) => {
    one.bytes.writeUInt16BE((65_600 + n) & 0xffff, 2);
    return one;
  });
  const source = await captured(t.testdir(), keys, [...narrow, ...after], { streams: [streamOf(0, { codecs: [...streamOf(0).codecs, opus] }), streamOf(1)] });
  const { report, objectName } = await stitch('codec change', [source], keys, store);
  t.match(report, { state: 'complete', sampleRate: 48_000, durationMs: 4_000, channels: [{ codec: 'PCMU, opus', packetsExpected: 200, packetsLost: 0, gaps: [] }, {}] });
  const [left] = await heard(store, objectName);
  t.equal(fit(mono.subarray(4_800, 80_000), left!.subarray(4_800), 20).shift, 0);
  t.ok(fit(mono.subarray(9_600, 40_000), left!.subarray(96_000 + 9_600), 400).snrDb > 15);
});
