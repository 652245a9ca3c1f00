/** Recordings on demand, paused and resumed while their call runs: what is kept, what is silent, what is gone. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { readCapture } from '../../src/capture/index.js';
import type { Listed, Report } from '../../src/ledger/index.js';
import { decodePcmu, parseRtp } from '../../src/media/index.js';
import { placeTestCall, tune, type EndResult, type TestCallResult } from '../../src/testcall/index.js';
import { loadOrCreateKeys } from '../../src/vault/index.js';
import { askApi, metric, startProduct, tokenOf, twintrack, twintrackJson, until, type RunningProduct } from '../support/product.js';
import { listedOnce, recordingOf, reportOf } from '../support/recordings.js';
import { openWorkspace, type Workspace } from '../support/workspace.js';

const framesPerMs = 8;
const packetFrames = 160;
/** From a command to its packet, and from a packet's time to its place. */
const edgeMs = 60;

interface Site {
  readonly workspace: Workspace;
  readonly product: RunningProduct;
}

async function openSite(t: Test, policy: object): Promise<Site> {
  const workspace = await openWorkspace({ policy });
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  return { workspace, product };
}

/** A call of so many seconds, during which `meanwhile` happens. */
async function callWith({ workspace }: Site, seconds: number, meanwhile: (sessionId: string) => Promise<void>): Promise<TestCallResult> {
  let happening: Promise<void> = Promise.resolve();
  const result = await placeTestCall({
    to: `sip:callee@127.0.0.1:${workspace.nextHopPort}`,
    answerAt: `sip:127.0.0.1:${workspace.nextHopPort}`,
    via: `sip:127.0.0.1:${workspace.sipPort}`,
    codec: 'PCMU',
    seconds,
    voices: { caller: tune('caller'), callee: tune('callee') },
    onConnected: (sessionId) => {
      happening = meanwhile(sessionId);
    },
  });
  await happening;
  return result;
}

interface Answer {
  readonly status: number;
  readonly body: { readonly recording?: string; readonly code?: string; readonly message?: string; readonly path?: string };
}

async function post({ workspace }: Site, path: string, body: unknown, withToken = true): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${workspace.httpPort}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(withToken ? { authorization: `Bearer ${await tokenOf(workspace)}` } : {}) },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

const command = (site: Site, sessionId: string, said: string): Promise<Answer> => post(site, `/v1/calls/${sessionId}/recording`, { command: said });

/** Every sample as it was sent, but for those of the stretches, which are silent, whole packets of them. */
function holds(t: Test, who: string, channel: Int16Array, offsetMs: number, sent: EndResult, silences: readonly (readonly [number, number])[]): void {
  const from = Math.round(offsetMs * framesPerMs);
  let [wrong, spokenInSilence, silentOutside] = [0, 0, 0];
  for (let packet = 0; packet * packetFrames < sent.sent.length; packet += 1) {
    const said = sent.sent.subarray(packet * packetFrames, (packet + 1) * packetFrames);
    const heard = channel.subarray(from + packet * packetFrames, from + (packet + 1) * packetFrames);
    const atMs = sent.startedAtMs + packet * 20;
    const [asSent, silent] = [said.every((sample, at) => sample === heard[at]), heard.every((sample) => sample === 0)];
    if (!asSent && !silent) wrong += 1;
    if (asSent && !silent && silences.some(([fromMs, toMs]) => atMs > fromMs + edgeMs && atMs < toMs - edgeMs)) spokenInSilence += 1;
    if (!asSent && silences.every(([fromMs, toMs]) => atMs < fromMs - edgeMs || atMs > toMs + edgeMs)) silentOutside += 1;
  }
  t.strictSame({ wrong, spokenInSilence, silentOutside }, { wrong: 0, spokenInSilence: 0, silentOutside: 0 }, `${who}: before and after as sent, between silent`);
}

const capturesIn = async ({ dir }: Workspace): Promise<string[]> => (await readdir(join(dir, 'data', 'captures'), { recursive: true })).filter((name) => name.endsWith('.capture'));
const vaultFilesIn = async ({ dir }: Workspace): Promise<string[]> => (await readdir(join(dir, 'data', 'vault'), { recursive: true })).filter((name) => name.endsWith('.wav'));

/** When the packets of a capture were said, unix ms: by their numbers, for they may have waited on their way. */
async function saidTimesIn({ dir }: Workspace, sessionId: string, ends: readonly EndResult[]): Promise<number[]> {
  const name = (await readdir(join(dir, 'data', 'captures'), { recursive: true })).find((one) => one.includes(Buffer.from(sessionId).toString('base64url'))) ?? '';
  const keys = await loadOrCreateKeys(join(dir, 'data', 'keys'));
  const firstOf = new Map<number, { readonly number: number; readonly saidMs: number }>();
  const said: number[] = [];
  for await (const record of readCapture(join(dir, 'data', 'captures', name), keys)) {
    const packet = record.kind === 'packet' && !record.rtcp ? parseRtp(record.bytes) : 'no packet';
    if (typeof packet === 'string') continue;
    const { ssrc, sequenceNumber, payload } = packet;
    if (!firstOf.has(ssrc)) {
      const samples = new Int16Array(payload.length);
      decodePcmu(payload, samples, 0);
      const from = ends.find(({ sent }) => samples.every((sample, at) => sample === sent[at]));
      firstOf.set(ssrc, { number: sequenceNumber, saidMs: from?.startedAtMs ?? NaN });
    }
    const { number, saidMs } = firstOf.get(ssrc)!;
    said.push(saidMs + ((sequenceNumber - number) & 0xffff) * 20);
  }
  return said;
}

t.test('a recording that is paused and resumed by HTTP', { timeout: 120_000 }, async (t) => {
  const site = await openSite(t, { otherwise: { record: 'always', pausable: true, dtmfMasked: true } });
  const { workspace } = site;
  const paused: [number, number][] = [];
  const call = await callWith(site, 4, async (sessionId) => {
    await delay(1_000);
    const fromMs = Date.now();
    t.match(await command(site, sessionId, 'pause'), { status: 200, body: { recording: 'paused' } });
    t.match(await command(site, sessionId, 'pause'), { status: 200, body: { recording: 'paused' } }, 'again: the same');
    await delay(1_200);
    t.match(await post(site, '/v1/calls/recording?party=callee', { command: 'resume' }), { status: 200, body: { recording: 'recording' } }, 'by party');
    paused.push([fromMs, Date.now()]);
    t.match(await post(site, `/v1/calls/${sessionId}/recording`, { command: 'tag', name: 'ticket', value: 'A 7' }), { status: 200 });
    t.match(await command(site, sessionId, 'stop'), { status: 409, body: { code: 'COMMAND_REFUSED', message: /does not allow stop/ } });
    t.match(await command(site, sessionId, 'erase'), { status: 400 });
    t.match(await command(site, 'nobody', 'pause'), { status: 404, body: { code: 'CALL_UNKNOWN' } });
    t.match(await post(site, `/v1/calls/${sessionId}/recording`, { command: 'pause' }, false), { status: 401 });
  });
  await listedOnce(workspace, call.sessionId, 'complete');
  const { report, channels } = await recordingOf(workspace, call.sessionId);
  for (const [at, end] of [call.caller, call.callee].entries()) {
    const channel = report.channels[at];
    holds(t, at === 0 ? 'caller' : 'callee', channels[at] ?? new Int16Array(), channel?.offsetMs ?? 0, end, paused);
    t.equal(channel?.packetsLost, 0);
    t.match(channel?.gaps, [{ cause: 'paused' }]);
    t.equal(channel?.gaps.length, 1);
    t.ok(Math.abs((channel?.gaps[0]?.ms ?? 0) - (paused[0]![1] - paused[0]![0])) < 2 * edgeMs, 'as long as it was asked for');
  }
  t.strictSame(report.channels.map(({ maskedKeys }) => maskedKeys), [[], []], 'that keys are masked was told all the way');
  t.match(report, { retention: { class: 'standard' }, tags: { ticket: 'A 7' }, control: [{ command: 'pause', by: 'api' }, { command: 'resume', by: 'api' }, { command: 'tag', by: 'api' }] });
  const said = await saidTimesIn(workspace, call.sessionId, [call.caller, call.callee]);
  t.ok(said.length > 200 && !said.some(Number.isNaN), 'the capture has what was said before and after');
  const during = said.filter((atMs) => atMs > paused[0]![0] + edgeMs && atMs < paused[0]![1] - edgeMs);
  t.strictSame(during, [], 'nothing that was said meanwhile');
  t.equal(await metric(workspace, 'twintrack_recording_commands_total{source="api"}'), 4);
  t.equal(await metric(workspace, 'twintrack_recording_commands_refused_total{source="api"}'), 1);
  t.equal((await twintrack(workspace, 'verify', call.sessionId)).status, 0);
  const tagged = { sessionId: call.sessionId, retention: { class: 'standard' }, tags: { ticket: 'A 7' } };
  t.match(await twintrackJson<Listed[]>(workspace, 'list', '--tag', 'ticket=A 7'), [tagged]);
  t.match(await (await askApi(workspace, '/v1/recordings?tag=ticket')).json(), [tagged]);
  t.strictSame(await twintrackJson<Listed[]>(workspace, 'list', '--tag', 'ticket=A'), []);
  t.match(await twintrack(workspace, 'list', '--tag', '=7'), { status: 2, stderr: /tag must be the name of a tag/ });
});

t.test('a recording on demand', { timeout: 180_000 }, async (t) => {
  const site = await openSite(t, { otherwise: { record: 'on-demand', pausable: true } });
  const { workspace } = site;

  await t.test('asked for in the middle it is there from the beginning', async (t) => {
    const call = await callWith(site, 2, async (sessionId) => {
      await delay(1_000);
      t.match(await command(site, sessionId, 'start'), { status: 200, body: { recording: 'recording' } });
    });
    await listedOnce(workspace, call.sessionId, 'complete');
    const { report, channels } = await recordingOf(workspace, call.sessionId);
    holds(t, 'caller', channels[0], report.channels[0]?.offsetMs ?? 0, call.caller, []);
    holds(t, 'callee', channels[1], report.channels[1]?.offsetMs ?? 0, call.callee, []);
  });

  await t.test('stopped, it ends there and stays', async (t) => {
    let stoppedAtMs = 0;
    const call = await callWith(site, 2, async (sessionId) => {
      await command(site, sessionId, 'start');
      await delay(1_000);
      stoppedAtMs = Date.now();
      t.match(await command(site, sessionId, 'stop'), { status: 200, body: { recording: 'stopped' } });
    });
    await listedOnce(workspace, call.sessionId, 'complete');
    const { report, channels } = await recordingOf(workspace, call.sessionId);
    t.ok(Date.parse(report.startedAt) + report.durationMs < stoppedAtMs + edgeMs, 'nothing after the stop');
    holds(t, 'caller', channels[0], report.channels[0]?.offsetMs ?? 0, call.caller, [[stoppedAtMs, Number.POSITIVE_INFINITY]]);
  });

  await t.test('not asked for, nothing of it is on the disk afterwards, and the list says excluded', async (t) => {
    const [captures, recordings] = [await capturesIn(workspace), await vaultFilesIn(workspace)];
    const call = await callWith(site, 1, async () => {
      await until(async () => (await capturesIn(workspace)).length === captures.length + 1, 'the capture while it runs');
    });
    await listedOnce(workspace, call.sessionId, 'excluded');
    await until(async () => (await capturesIn(workspace)).length === captures.length, 'the capture to be removed');
    t.strictSame([await capturesIn(workspace), await vaultFilesIn(workspace)], [captures, recordings]);
    t.match(await twintrackJson<Report>(workspace, 'show', call.sessionId), { state: 'excluded', reason: 'on demand: nobody asked', durationMs: 0 });
    t.match(await twintrackJson<Listed[]>(workspace, 'list', '--limit', '1'), [{ sessionId: call.sessionId, state: 'excluded' }]);
    const exported = await twintrack(workspace, 'export', call.sessionId, '--out', join(workspace.dir, 'none.wav'));
    t.match(exported, { status: 1, stderr: /nobody asked/ });
  });

  await t.test('a link allows what it says, for its call alone, without the token', async (t) => {
    const base = `http://127.0.0.1:${workspace.httpPort}`;
    const call = await callWith(site, 2, async (sessionId) => {
      const made = await post(site, `/v1/calls/${sessionId}/tokens`, { commands: ['start', 'pause'], seconds: 60 });
      const path = made.body.path ?? '';
      t.match(path, /^\/v1\/control\/[\w.-]+$/);
      t.equal((await fetch(`${base}${path}?command=resume`)).status, 403, 'not among its commands');
      t.equal((await fetch(`${base}${path.replace('/control/', '/control/A')}?command=start`)).status, 403, 'not ours');
      t.match(await (await fetch(`${base}${path}?command=start`)).json(), { recording: 'recording' });
      t.match(await (await fetch(`${base}${path}?command=start`, { method: 'POST' })).json(), { recording: 'recording' });
      t.notMatch(site.product.log(), path.slice(-20), 'it does not stand in the log');
    });
    await listedOnce(workspace, call.sessionId, 'complete');
    t.match(await reportOf(workspace, call.sessionId), { control: [{ command: 'start', by: 'link' }] });
  });
});

for (const asked of [false, true]) {
  t.test(`kill -9 in the middle of a call on demand that ${asked ? 'was' : 'nobody has'} asked for: ${asked ? 'it is kept' : 'it is discarded at the next start'}`, { timeout: 120_000 }, async (t) => {
    const site = await openSite(t, { otherwise: { record: 'on-demand' } });
    const { workspace } = site;
    let session = '';
    await callWith(site, 5, async (sessionId) => {
      session = sessionId;
      await until(async () => (await metric(workspace, 'twintrack_recorder_packets_received_total')) > 50, 'media at the recorder');
      if (asked) {
        await command(site, sessionId, 'start');
        await delay(300);
      }
      await site.product.kill();
    });
    t.equal((await capturesIn(workspace)).length, 1);
    const second = await startProduct(workspace);
    t.teardown(() => second.kill());
    await listedOnce(workspace, session, asked ? 'partial' : 'excluded');
    await until(async () => (await capturesIn(workspace)).length === (asked ? 1 : 0), 'the capture');
    t.equal((await vaultFilesIn(workspace)).length, asked ? 1 : 0);
    t.match(await reportOf(workspace, session), asked ? { state: 'partial', reason: /died/, control: [{ command: 'start' }] } : { state: 'excluded', reason: 'on demand: nobody asked' });
  });
}
