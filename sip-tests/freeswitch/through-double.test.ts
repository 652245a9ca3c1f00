/** A double of FreeSWITCH carries the calls of a running product, and sends their audio to the recorder's WebSocket. It is no FreeSWITCH: see its head. */
import { readFile, writeFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { startDouble, type FreeswitchDouble } from '../../src/anchor/freeswitch/freeswitch-double.fixture.js';
import { placeTestCall, tune, type TestCallResult } from '../../src/testcall/index.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { heldAboutMiddle } from '../support/audio.js';
import { isHeardWhole } from '../support/heard.js';
import { healthOf, listed, startProduct, until, type RunningProduct } from '../support/product.js';
import { listedOnce, recordingOf } from '../support/recordings.js';
import { openWorkspace, type Workspace } from '../support/workspace.js';

/** What comes before the recorder has answered is not copied. */
const missedSamples = 8_000;

async function openSite(t: Test, doubles: readonly FreeswitchDouble[], more: { webSocket?: boolean } = {}): Promise<{ workspace: Workspace; product: RunningProduct }> {
  const workspace = await openWorkspace({
    anchor: { freeswitch: { nodes: doubles.map(({ host, port, secret }) => ({ host, port, secret })), pingMs: 300, answerWithinMs: 1_000 } },
  });
  t.teardown(() => workspace.remove());
  if (more.webSocket !== false) {
    const config = await readFile(workspace.configFile, 'utf8');
    await writeFile(workspace.configFile, `${config}  webSocket: {port: ${await freePort()}}\n`);
  }
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  return { workspace, product };
}

const callThrough = ({ nextHopPort, sipPort }: Workspace, seconds: number, srtp?: 'AES_CM_128_HMAC_SHA1_80'): Promise<TestCallResult> =>
  placeTestCall({
    to: `sip:callee@127.0.0.1:${nextHopPort}`, answerAt: `sip:127.0.0.1:${nextHopPort}`, via: `sip:127.0.0.1:${sipPort}`,
    codec: 'PCMU', voices: { caller: tune('caller'), callee: tune('callee') }, seconds, srtp,
  });

t.test('calls through it are heard whole and recorded sample for sample, each party in its place', { timeout: 120_000 }, async (t) => {
  const double = await startDouble(t);
  const { workspace, product } = await openSite(t, [double]);
  for (let n = 0; n < 3; n += 1) {
    const result = await callThrough(workspace, n === 0 ? 1 : 3);
    isHeardWhole(t, result);
    // The first INVITE of a fresh process takes as long as the machine is slow: how much of that call is missed says nothing.
    if (n === 0) continue;
    await listedOnce(workspace, result.sessionId, 'complete');
    const { report, channels } = await recordingOf(workspace, result.sessionId);
    for (const [at, side] of (['caller', 'callee'] as const).entries()) {
      const { sent } = result[side];
      const held = heldAboutMiddle(channels[at] ?? new Int16Array(), sent);
      t.ok(held >= sent.length - missedSamples, `${held} of ${sent.length} samples of the ${side}, in one piece`);
      t.match(report.channels[at], { codec: 'L16', encrypted: false, packetsLost: 0 });
    }
  }
  await until(() => Promise.resolve(double.channels.length === 0), 'its channels are gone');
  t.notMatch(product.log(), /\/audio\//u, 'nobody logs where the audio goes');
  t.notMatch(product.log(), double.secret);
});

t.test('a call with SRTP passes unharmed and is not recorded, and the ledger knows why', { timeout: 120_000 }, async (t) => {
  const double = await startDouble(t);
  const { workspace } = await openSite(t, [double]);
  const result = await callThrough(workspace, 1, 'AES_CM_128_HMAC_SHA1_80');
  isHeardWhole(t, result);
  await listedOnce(workspace, result.sessionId, 'lost');
  t.match((await listed(workspace)).find(({ sessionId }) => sessionId === result.sessionId), { reason: /encrypted, and FreeSWITCH would decrypt it/u });
  t.strictSame(double.channels, []);
});

t.test('where the recorder takes no audio over WebSocket the call goes on, and is lost', { timeout: 120_000 }, async (t) => {
  const double = await startDouble(t);
  const { workspace } = await openSite(t, [double], { webSocket: false });
  const result = await callThrough(workspace, 1);
  isHeardWhole(t, result);
  await listedOnce(workspace, result.sessionId, 'lost');
});

t.test('of two one dies: new calls go to the other, health tells of it; without any they pass unrecorded', { timeout: 120_000 }, async (t) => {
  const [first, second] = [await startDouble(t), await startDouble(t)];
  const { workspace } = await openSite(t, [first, second]);
  await first.kill();
  await until(async () => (await healthOf(workspace, 'anchor'))?.detail === '1 of 2 FreeSWITCHes answer', 'it is noticed');
  const result = await callThrough(workspace, 1);
  isHeardWhole(t, result);
  await listedOnce(workspace, result.sessionId, 'complete');
  await second.kill();
  await until(async () => (await healthOf(workspace, 'anchor'))?.ok === false, 'it is noticed');
  const alone = await callThrough(workspace, 1);
  isHeardWhole(t, alone);
  await listedOnce(workspace, alone.sessionId, 'lost');
});
