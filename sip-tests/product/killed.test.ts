/** The whole product is killed in the middle of a call: what was flushed becomes a recording. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import t from 'tap';
import type { Listed, Report } from '../../src/ledger/index.js';
import { encodePcmu, decodePcmu } from '../../src/media/index.js';
import { tune } from '../../src/testcall/index.js';
import { channelsOf } from '../support/audio.js';
import { listed, metric, startProduct, twintrack, twintrackJson, until } from '../support/product.js';
import { openWorkspace, type Workspace } from '../support/workspace.js';

/** What may be missing before the kill: one flush and its way. */
const mayBeMissingMs = 200;

t.test('kill -9 in the middle of a call, then a start: the capture becomes a recording marked partial', { timeout: 120_000 }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const first = await startProduct(workspace);
  const call = startCall(workspace);
  t.teardown(() => call.kill('SIGKILL'));
  await until(async () => (await metric(workspace, 'twintrack_recorder_packets_received_total')) > 100, 'media at the recorder');
  await delay(500);
  const killedAtMs = Date.now();
  await first.kill();
  call.kill('SIGKILL');
  await once(call, 'close');

  const second = await startProduct(workspace);
  t.teardown(() => second.kill());
  await until(async () => (await listed(workspace, 'partial')).length === 1, 'the recording');
  const [found] = await twintrackJson<Listed[]>(workspace, 'list');
  const sessionId = found?.sessionId ?? '';
  const report = await twintrackJson<Report>(workspace, 'show', sessionId);
  t.equal(report.state, 'partial');
  t.match(report.reason, /died/);
  t.strictSame(report.captures.map((capture) => capture.state), ['cut']);
  const lastAudioMs = Date.parse(report.startedAt) + report.durationMs;
  t.ok(killedAtMs - lastAudioMs <= mayBeMissingMs, `at most ${mayBeMissingMs} ms before the kill are missing: ${Math.round(killedAtMs - lastAudioMs)} ms`);
  t.ok(report.channels.every((channel) => channel.packetsLost === 0 && channel.gaps.length === 0), 'up to there nothing is missing');

  const file = join(workspace.dir, 'cut.wav');
  t.equal((await twintrack(workspace, 'export', sessionId, '--out', file)).status, 0);
  const channels = await channelsOf(file);
  for (const [at, who] of (['caller', 'callee'] as const).entries()) {
    const channel = report.channels[at];
    const from = Math.round((channel?.offsetMs ?? 0) * 8);
    const samples = Math.round((channel?.durationMs ?? 0) * 8);
    const said = asHeard(who, samples);
    t.ok(samples > 8_000, `the ${who} speaks for more than a second`);
    t.strictSame(channels[at]?.subarray(from, from + samples), said, `every sample of the ${who} is as it was said`);
  }
  t.equal((await twintrack(workspace, 'verify', sessionId)).status, 0);
  t.equal(await second.stop(), 0);
});

const asHeard = (who: 'caller' | 'callee', samples: number): Int16Array => {
  const voice = tune(who);
  const heard = new Int16Array(samples);
  decodePcmu(encodePcmu(Int16Array.from({ length: samples }, (_, frame) => voice(frame))), heard, 0);
  return heard;
};

function startCall(workspace: Workspace) {
  const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  return spawn(process.execPath, [main, 'call', '--seconds', '60', '--config', workspace.configFile], { stdio: 'ignore' });
}
