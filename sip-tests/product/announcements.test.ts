/** Announcements and beeps in calls through the running product: what each end hears, sample for sample, and what is recorded. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { clip, decodePcma, encodePcma, encodeWavHeader, type RtpPacket, type SrtpSuite } from '../../src/media/index.js';
import { toneIn } from '../../src/media/signal.fixture.js';
import { placeTestCall, tune, type TestCallResult } from '../../src/testcall/index.js';
import { compare } from '../support/audio.js';
import { askApi, metric, startProduct, twintrack, until } from '../support/product.js';
import { listedOnce, recordingOf } from '../support/recordings.js';
import { openWorkspace, type Workspace } from '../support/workspace.js';

const packetFrames = 160;
const fileRate = 16_000;
/** Half a second that rises from 300 to 1,300 Hz, never silent. */
const announcement = Int16Array.from({ length: fileRate / 2 }, (_, n) => Math.round(8_000 * Math.cos(2 * Math.PI * (300 + (1_000 * n) / fileRate) * (n / fileRate))));

/** As A-law has it at 8,000 Hz, whole packets of it. */
function asPlayed(): Int16Array {
  const samples = new Int16Array(4_000);
  clip(announcement, fileRate).read(8_000, 0, samples);
  return decoded(encodePcma(samples));
}

function decoded(payload: Buffer): Int16Array {
  const samples = new Int16Array(payload.length);
  decodePcma(payload, samples, 0);
  return samples;
}

interface Heard {
  /** What the other end said and this one heard, packet by packet, by its place in what was said. */
  readonly said: number[];
  /** The samples of all other packets, in the order they came. */
  readonly other: Int16Array;
  /** The places in what was said that they took. */
  readonly replaced: number[];
}

function heardBy(packets: readonly RtpPacket[], sent: Int16Array): Heard {
  const of = (ssrc: number): RtpPacket[] => packets.filter((packet) => packet.ssrc === ssrc);
  // Where the relay sent packets of its own, there are two sources: it has said less.
  const [first] = [...new Set(packets.map(({ ssrc }) => ssrc))].map(of).sort((a, b) => b.length - a.length)[0] ?? [];
  const said: number[] = [];
  const replaced: number[] = [];
  const other: number[] = [];
  for (const packet of packets) {
    const samples = decoded(packet.payload);
    const place = packet.ssrc === first?.ssrc ? (packet.sequenceNumber - first.sequenceNumber) & 0xffff : -1;
    if (place >= 0 && samples.every((sample, n) => sample === sent[place * packetFrames + n])) said.push(place);
    else {
      other.push(...samples);
      if (place >= 0) replaced.push(place);
    }
  }
  return { said, other: Int16Array.from(other), replaced };
}

interface Called {
  readonly result: TestCallResult;
  readonly heard: { readonly caller: Heard; readonly callee: Heard };
  /** What the ledger has of it. */
  readonly announced: string | undefined;
}

async function callTo(workspace: Workspace, user: string, seconds: number, srtp?: SrtpSuite): Promise<Called> {
  const packets = { caller: [] as RtpPacket[], callee: [] as RtpPacket[] };
  const result = await placeTestCall({
    to: `sip:${user}@127.0.0.1:${workspace.nextHopPort}`,
    answerAt: `sip:127.0.0.1:${workspace.nextHopPort}`,
    via: `sip:127.0.0.1:${workspace.sipPort}`,
    codec: 'PCMA',
    voices: { caller: tune('caller'), callee: tune('callee') },
    onHeard: (end, packet) => packets[end].push(packet),
    seconds, srtp,
  });
  await listedOnce(workspace, result.sessionId, 'complete');
  const { calls } = (await (await askApi(workspace, `/v1/recordings/${result.sessionId}`)).json()) as { calls: { announced?: string }[] };
  return { result, heard: { caller: heardBy(packets.caller, result.callee.sent), callee: heardBy(packets.callee, result.caller.sent) }, announced: calls[0]?.announced };
}

/** The recording holds what both ends said, and nothing else. */
async function isRecordedAsSaid(t: Test, workspace: Workspace, { caller, callee, sessionId }: TestCallResult): Promise<void> {
  const { report, channels } = await recordingOf(workspace, sessionId);
  for (const [at, end] of [caller, callee].entries()) {
    const from = Math.round((report.channels[at]?.offsetMs ?? 0) * 8);
    t.strictSame(compare(channels[at] ?? new Int16Array(), from, end.sent), { identical: end.sent.length, silentElsewhere: true }, 'recorded without it');
  }
}

t.test('what the parties are told of being recorded', { timeout: 90_000 }, async (t) => {
  const file = join(t.testdir({}), 'consent.wav');
  const header = encodeWavHeader({ channels: 1, sampleRate: fileRate, bitsPerSample: 16, format: 'pcm', frames: announcement.length });
  await writeFile(file, Buffer.concat([header, Buffer.from(announcement.buffer)]));
  const workspace = await openWorkspace({
    policy: {
      announcements: { consent: file },
      rules: [
        { name: 'at', when: { callee: ['at'] }, record: 'always', announcement: { name: 'consent', to: 'callee' } },
        { name: 'before', when: { callee: ['before'] }, record: 'always', announcement: { name: 'consent', to: 'caller', when: 'before' } },
        { name: 'beep', when: { callee: ['beep'] }, record: 'always', beep: { to: 'caller' } },
      ],
    },
  });
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());

  await t.test('an announcement is heard by whom it is for, whole; the other party hears what is said, and that is what is recorded', async (t) => {
    const { result, heard: { caller, callee }, announced } = await callTo(workspace, 'at', 0.8);
    t.strictSame(callee.other, asPlayed(), 'sample for sample');
    t.equal(callee.said.length + callee.replaced.length, 40, 'and nothing of the rest is missing');
    t.strictSame([caller.said.length, caller.other.length], [40, 0]);
    t.equal(announced, 'announcement consent: callee');
    t.match((await twintrack(workspace, 'show', result.sessionId)).stdout, '\ntold       announcement consent: callee\n');
    await isRecordedAsSaid(t, workspace, result);
  });

  await t.test('before: neither party hears the other until it is over', async (t) => {
    const { result, heard: { caller, callee }, announced } = await callTo(workspace, 'before', 0.8);
    t.strictSame(caller.other, asPlayed());
    t.ok(callee.replaced.length >= 15 && callee.other.every((sample) => Math.abs(sample) <= 8), `the callee hears silence, ${callee.replaced.length} packets`);
    t.strictSame(callee.replaced, callee.replaced.map((_, n) => n), 'from the first packet on');
    t.strictSame(caller.said, caller.said.map((_, n) => n + caller.replaced.length), 'afterwards each hears the other');
    t.equal(announced, 'announcement consent: caller');
    await isRecordedAsSaid(t, workspace, result);
  });

  await t.test('a beep is heard with the speech', async (t) => {
    const { result, heard: { caller, callee }, announced } = await callTo(workspace, 'beep', 0.9);
    t.ok(caller.replaced.length >= 25 && caller.replaced.length <= 27, `${caller.replaced.length} packets`);
    const from = (caller.replaced[0] ?? 0) * packetFrames;
    const added = caller.other.map((sample, n) => sample - (result.callee.sent[from + n] ?? 0)).subarray(packetFrames, -packetFrames * 2);
    t.ok(Math.abs(toneIn(added, 8_000, 1_400) - 3_160) < 100, `${toneIn(added, 8_000, 1_400)}`);
    t.ok(Math.sqrt((2 * added.reduce((sum, sample) => sum + sample ** 2, 0)) / added.length) < 3_400, 'and nothing else was added');
    t.strictSame([callee.other.length, announced], [0, 'beep: caller']);
    await isRecordedAsSaid(t, workspace, result);
  });

  await t.test('SRTP passes untouched, and the ledger says that nothing was heard', async (t) => {
    const { result, heard: { caller, callee }, announced } = await callTo(workspace, 'before', 0.4, 'AES_CM_128_HMAC_SHA1_80');
    t.strictSame([caller.said.length, callee.said.length, caller.other.length, callee.other.length], [20, 20, 0, 0]);
    t.equal(announced, 'announcement consent: not played (encrypted media)');
    await isRecordedAsSaid(t, workspace, result);
  });

  t.equal(await metric(workspace, 'twintrack_announcements_total{outcome="played"}'), 2);
  t.equal(await metric(workspace, 'twintrack_announcements_total{outcome="encrypted"}'), 1);
  await writeFile(file, 'no audio any more');
  const checked = await twintrack(workspace, 'check-config', workspace.configFile);
  t.match(checked, { status: 1, stderr: /policy\.announcements\.consent: .*consent\.wav cannot be used: it is no WAV file/u });
  product.signal('SIGHUP');
  await until(() => Promise.resolve(product.log().includes('the one of before stays')), 'the refusal of the changed file');
});
