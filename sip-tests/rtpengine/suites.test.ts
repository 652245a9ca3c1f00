/**
 * SRTP in every suite that there is, through the built-in relay and through a real rtpengine: recorded sample for sample.
 * Not without a cipher through rtpengine: version 10.5 dies of the first such packet that it is to open.
 */
import { readFile, writeFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { startDaemon } from '../../src/anchor/rtpengine/daemon.fixture.js';
import { srtpSuites, type SrtpSuite } from '../../src/media/index.js';
import { placeTestCall, tune, type TestCallResult } from '../../src/testcall/index.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { compare, heldAboutMiddle } from '../support/audio.js';
import { isHeardWhole } from '../support/heard.js';
import { startProduct } from '../support/product.js';
import { listedOnce, recordingOf } from '../support/recordings.js';
import { openWorkspace, type Workspace } from '../support/workspace.js';

const callThrough = (workspace: Workspace, srtp: SrtpSuite, seconds: number): Promise<TestCallResult> =>
  placeTestCall({
    to: `sip:callee@127.0.0.1:${workspace.nextHopPort}`,
    answerAt: `sip:127.0.0.1:${workspace.nextHopPort}`,
    via: `sip:127.0.0.1:${workspace.sipPort}`,
    codec: 'PCMU',
    voices: { caller: tune('caller'), callee: tune('callee') },
    seconds, srtp,
  });

async function openSite(t: Test, change: (config: string) => string = (config) => config): Promise<Workspace> {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  await writeFile(workspace.configFile, change(await readFile(workspace.configFile, 'utf8')));
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  return workspace;
}

t.test('through the relay', { timeout: 150_000 }, async (t) => {
  const workspace = await openSite(t);
  for (const suite of srtpSuites) {
    await t.test(suite, async (t) => {
      const result = await callThrough(workspace, suite, 0.4);
      isHeardWhole(t, result);
      await listedOnce(workspace, result.sessionId, 'complete');
      const { report, channels } = await recordingOf(workspace, result.sessionId);
      for (const [at, side] of (['caller', 'callee'] as const).entries()) {
        const { sent } = result[side];
        t.strictSame(compare(channels[at] ?? new Int16Array(), Math.round((report.channels[at]?.offsetMs ?? 0) * 8), sent), { identical: sent.length, silentElsewhere: true }, side);
        t.match(report.channels[at], { encrypted: true, authFailures: 0, packetsLost: 0, gaps: [] });
      }
    });
  }
});

t.test('through rtpengine', { timeout: 150_000 }, async (t) => {
  const daemon = await startDaemon(t, await freePort(), [35_000, 35_999]);
  const workspace = await openSite(t, (config) => config.replace(/^anchor:.*$/mu, `anchor: {rtpengine: {nodes: [{host: 127.0.0.1, port: ${daemon.port}}]}}`));
  for (const suite of srtpSuites.filter((suite) => !suite.startsWith('NULL'))) {
    await t.test(suite, async (t) => {
      const result = await callThrough(workspace, suite, 1.5);
      isHeardWhole(t, result);
      await listedOnce(workspace, result.sessionId, 'complete');
      const { report, channels } = await recordingOf(workspace, result.sessionId);
      for (const [at, side] of (['caller', 'callee'] as const).entries()) {
        const { sent } = result[side];
        // Copies begin when the recorder has answered.
        const held = heldAboutMiddle(channels[at] ?? new Int16Array(), sent);
        t.ok(held >= sent.length - 4_000, `${held} of ${sent.length} samples of the ${side}, in one piece`);
        t.match(report.channels[at], { encrypted: true, authFailures: 0, packetsLost: 0 });
      }
    });
  }
});
