/** Many SIPp calls at once, with real audio: each recording holds its own two voices and nothing else. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Found } from '../../src/ledger/index.js';
import { tune } from '../../src/testcall/index.js';
import { audioOf, channelsOf, compare, writeCapture } from '../support/audio.js';
import { askApi, listed, metric, startProduct, twintrack, until } from '../support/product.js';
import { sippMediaPort } from '../support/ports.js';
import { runSipp, shippedCapture } from '../support/sipp.js';
import { openWorkspace } from '../support/workspace.js';

const calls = 20;

t.test(`${calls} calls at once through the proxy give ${calls} whole recordings whose voices are never mixed`, { timeout: 180_000 }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const callerAudio = await audioOf(shippedCapture);
  const calleeCapture = join(workspace.dir, 'callee.pcap');
  await writeCapture(calleeCapture, 350, tune('callee'));
  const calleeAudio = await audioOf(calleeCapture);

  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const common = { calls, dir: workspace.dir };
  const callee = runSipp({ ...common, scenario: 'uas-audio', port: workspace.nextHopPort, mediaPort: sippMediaPort(0), values: { CAPTURE: calleeCapture } });
  const caller = runSipp({
    ...common,
    scenario: 'uac-audio',
    remote: `127.0.0.1:${workspace.sipPort}`,
    port: workspace.sipPort + 1,
    mediaPort: sippMediaPort(1),
    values: { CAPTURE: shippedCapture, CAPTURE_MS: '8000' },
  });
  await Promise.all([callee.done, caller.done]);

  await until(async () => (await metric(workspace, 'twintrack_recordings_total{state="complete"}')) >= calls, `${calls} recordings`);
  const recordings = await listed(workspace);
  t.equal(recordings.length, calls);
  t.equal(new Set(recordings.map((one) => one.sessionId)).size, calls, 'each call has a session ID of its own');
  t.strictSame([...new Set(recordings.map((one) => one.state))], ['complete']);
  t.equal(new Set(recordings.map((one) => one.caller)).size, calls, 'each caller is in the ledger');

  for (const { sessionId } of recordings) {
    const { report } = (await (await askApi(workspace, `/v1/recordings/${sessionId}`)).json()) as Found;
    const wav = join(workspace.dir, `${sessionId}.wav`);
    await writeFile(wav, Buffer.from(await (await askApi(workspace, `/v1/recordings/${sessionId}/audio`)).arrayBuffer()));
    const [left, right] = await channelsOf(wav);
    const at = (channel: number): number => Math.round((report?.channels[channel]?.offsetMs ?? 0) * 8);
    const found = { caller: compare(left, at(0), callerAudio), callee: compare(right, at(1), calleeAudio) };
    t.strictSame(
      found,
      {
        caller: { identical: callerAudio.length, silentElsewhere: true },
        callee: { identical: calleeAudio.length, silentElsewhere: true },
      },
      `session ${sessionId}: the caller's voice is on the left, the callee's on the right, whole and alone`,
    );
    t.strictSame(report?.channels.flatMap((channel) => channel.gaps), []);
  }
  t.equal(await metric(workspace, 'twintrack_calls_total{outcome="answered"}'), calls);
  t.equal(await metric(workspace, 'twintrack_relay_dropped_total{reason="unknown-source"}'), 0);
  t.equal((await twintrack(workspace, 'verify', '--all')).status, 0, 'all of them are as they were made');
  t.equal(await product.stop(), 0);
});
