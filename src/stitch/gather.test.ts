import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { CaptureStream } from '../capture/index.js';
import { RtpView } from '../media/index.js';
import { loadOrCreateKeys, sealSecret } from '../vault/index.js';
import { beginMs, captured, packetMs, Speaker, spoken, streamOf } from './call.fixture.js';
import { gather, type Gathered, type Gathering } from './gather.js';
import { channelOf } from './source-times.js';

const home = t.testdir();
const keys = await loadOrCreateKeys(join(home, 'keys'));
/** It stays when the bytes around it are used again. */
const kept = (packet: RtpView): RtpView => Object.assign(new RtpView(), packet, { bytes: Buffer.from(packet.payload), payloadFrom: 0, payloadTo: packet.payloadBytes });
const collect = async (gathering: Gathering): Promise<Gathered[]> => {
  const all: Gathered[] = [];
  for await (const batch of gathering) all.push(...batch.map((one) => (one.kind === 'rtp' ? { ...one, packet: kept(one.packet) } : one)));
  return all;
};
const numbers = (gathered: readonly Gathered[]): number[] => gathered.flatMap((one) => (one.kind === 'rtp' ? [one.packet.sequenceNumber] : []));

t.test('a capture gives its packets in order, with channel, instant and codec', async (t) => {
  const speaker = new Speaker(1);
  const reports = [{ atMs: beginMs + 70, stream: 1, rtcp: true, bytes: speaker.report(beginMs, 0) }, { atMs: beginMs + 71, stream: 9, bytes: speaker.packet(0) }];
  const gathering = gather([await captured(t.testdir(), keys, [...spoken(speaker, 0, [0, 5]), ...reports])], keys);
  const all = await collect(gathering);
  t.match(all[0], { kind: 'streams', atMs: beginMs, streams: [streamOf(0), streamOf(1)] });
  t.match(all[1], { kind: 'rtp', channel: 'caller', arrivedAtMs: beginMs, codec: { name: 'PCMU' }, packet: { ssrc: 1 } });
  t.match(all.find((one) => one.kind === 'rtcp'), { channel: 'callee', packets: [{ type: 'SR' }] });
  t.strictSame(numbers(all), [1_000, 1_001, 1_002, 1_003, 1_004], 'packets of a stream that nobody declared are none');
  t.match(gathering.captures, [{ captureId: 'c1', recorder: 'recorder of c1', fromMs: beginMs, cut: false, unreadable: false, endReason: 'bye' }]);
});

t.test('a capture that came to its session by its media address is told from one whose client named the call', async (t) => {
  const dir = t.testdir();
  const captures = [{}, { pairedBy: 'media-address' }, { pairedBy: 'a dream' }, { pairedBy: 7 }].map((metadata, n) => captured(dir, keys, [], { captureId: `c${n}`, metadata }));
  const gathering = gather(await Promise.all(captures), keys);
  await collect(gathering);
  t.strictSame(gathering.captures.map(({ pairedBy }) => pairedBy), [undefined, 'media-address', undefined, undefined]);
});

t.test('two captures come as one run in the order of arrival', async (t) => {
  const speaker = new Speaker(1);
  const dir = t.testdir();
  const one = await captured(dir, keys, spoken(speaker, 0, [0, 60]), { captureId: 'a' });
  const other = await captured(dir, keys, spoken(speaker, 0, [30, 90], { delayMs: () => 3 }), { captureId: 'b' });
  const all = await collect(gather([other, one], keys));
  const times = all.flatMap((each) => (each.kind === 'rtp' ? [each.arrivedAtMs] : []));
  t.equal(times.length, 120);
  t.strictSame(times, [...times].sort((a, b) => a - b));
});

t.test('a cut capture gives what it has', async (t) => {
  const source = await captured(t.testdir(), keys, spoken(new Speaker(1), 0, [0, 50]), { cut: true });
  const gathering = gather([source], keys);
  t.equal(numbers(await collect(gathering)).length, 50);
  t.match(gathering.captures, [{ cut: true, unreadable: false, toMs: beginMs + 49 * packetMs }]);
  t.equal(gathering.failure, undefined);
});

t.test('a capture that was killed before its first flush holds nothing and spoils nothing', async (t) => {
  const dir = t.testdir();
  const whole = await captured(dir, keys, spoken(new Speaker(1), 0, [0, 50]), { captureId: 'whole' });
  for (const bytes of [0, 60, 128, 140]) {
    const killed = await captured(dir, keys, [], { captureId: `killed-${bytes}` });
    truncateSync(killed.path, bytes);
    const gathering = gather([killed, whole], keys);
    t.equal(numbers(await collect(gathering)).length, 50, `${bytes} bytes`);
    t.match(gathering.captures[0], { cut: true, unreadable: false });
    t.equal(gathering.failure, undefined);
  }
});

t.test('a capture that is missing, or of another vault, is told apart from an empty one', async (t) => {
  const dir = t.testdir();
  const others = await loadOrCreateKeys(join(dir, 'other'));
  const foreign = await captured(dir, others, spoken(new Speaker(1), 0, [0, 5]), { captureId: 'foreign' });
  for (const source of [foreign, { captureId: 'gone', path: join(dir, 'gone') }]) {
    const gathering = gather([source], keys);
    t.strictSame(await collect(gathering), []);
    t.match(gathering.captures, [{ cut: true, unreadable: true }]);
    t.match(gathering.failure, { code: 'CAPTURE_INVALID' });
  }
  const noCapture = join(dir, 'text');
  writeFileSync(noCapture, 'x'.repeat(500));
  t.match((await collect(gather([{ captureId: 'text', path: noCapture }], keys))).length, 0);
});

t.test('whoever stops reading early leaves no file open', async (t) => {
  const dir = t.testdir();
  const sources = [await captured(dir, keys, spoken(new Speaker(1), 0, [0, 50]), { captureId: 'a' }), await captured(dir, keys, [], { captureId: 'b' })];
  for await (const batch of gather(sources, keys)) if (batch.some(({ kind }) => kind === 'rtp')) break;
  const { readdirSync, readlinkSync } = await import('node:fs');
  const open = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  t.strictSame(open.filter((path) => path.startsWith(dir)), []);
});

t.test('a payload type keeps its meaning for packets that were on their way when it was taken back', async (t) => {
  const speaker = new Speaker(1);
  const change: CaptureStream = streamOf(0, { codecs: [{ payloadType: 8, name: 'PCMA', clockRate: 8_000, channels: 1 }] });
  const happenings = [...spoken(speaker, 0, [0, 4]), { atMs: beginMs + 30, streams: [change] }];
  const all = await collect(gather([await captured(t.testdir(), keys, happenings)], keys));
  t.strictSame(all.flatMap((one) => (one.kind === 'rtp' ? [one.codec?.name] : [])), Array(4).fill('PCMU'));
});

t.test('a sealed key that does not open is no key: the packets are counted as such', async (t) => {
  const sealed = (await sealSecret(Buffer.from('1 AES_CM_128_HMAC_SHA1_80 inline:x'), keys.public)).toString('base64');
  const streams = [streamOf(0, { encrypted: true, sealedKeys: ['AAAA', sealed] })];
  const gathering = gather([await captured(t.testdir(), keys, spoken(new Speaker(1), 0, [0, 3]), { streams })], keys);
  t.strictSame(numbers(await collect(gathering)), []);
  t.match(gathering.counts('caller'), { keyless: 3, authFailures: 0 });
  t.match(gathering.counts('callee'), { keyless: 0 });
});

t.test('further parties have channels of their own', (t) => {
  t.strictSame([0, 1, 2, 5].map((index) => channelOf(streamOf(index))), ['caller', 'callee', 'other-2', 'other-5']);
  t.end();
});
