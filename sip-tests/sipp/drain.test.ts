/** The product is told to stop while calls run: they go on to their end, no new ones are taken, nothing is lost. */
import { join } from 'node:path';
import t from 'tap';
import type { Listed } from '../../src/ledger/index.js';
import { tune } from '../../src/testcall/index.js';
import { writeCapture } from '../support/audio.js';
import { isWell, metric, startProduct, twintrackJson, until } from '../support/product.js';
import { openRawSip, rawRequest } from '../support/raw-sip.js';
import { runSipp } from '../support/sipp.js';
import { openWorkspace } from '../support/workspace.js';

const calls = 5;
/** Of 20 ms. */
const packets = 250;

t.test('SIGTERM drains: running calls end whole, new ones are told to come later, then the product stops', { timeout: 120_000 }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const capture = join(workspace.dir, 'voice.pcap');
  await writeCapture(capture, packets, tune('caller'));
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const common = { calls, dir: workspace.dir, values: { CAPTURE: capture, CAPTURE_MS: String(packets * 20) } };
  const callee = runSipp({ ...common, scenario: 'uas-audio', port: workspace.nextHopPort, mediaPort: 42_000 });
  const caller = runSipp({ ...common, scenario: 'uac-audio', remote: `127.0.0.1:${workspace.sipPort}`, port: workspace.sipPort + 1, mediaPort: 44_000 });
  await until(async () => (await metric(workspace, 'twintrack_calls_active')) === calls, 'all calls run');

  const stopped = product.stop();
  const raw = await openRawSip('127.0.0.1');
  t.teardown(() => raw.close());
  await until(async () => !(await isWell(workspace)), 'health says that no calls are taken');
  for (const method of ['INVITE', 'OPTIONS']) raw.send(rawRequest({ method, from: { address: '127.0.0.1', port: raw.port }, toPort: workspace.sipPort }), workspace.sipPort);
  await until(() => Promise.resolve(raw.received.filter((each) => each.startsWith('SIP/2.0 503 ')).length >= 2), 'INVITE and OPTIONS are answered 503');
  t.match(raw.received.find((each) => each.startsWith('SIP/2.0 503 ')), /\r\nRetry-After: \d+\r\n/iu);
  t.equal(await metric(workspace, 'twintrack_calls_active'), calls, 'meanwhile the old calls run');
  await Promise.all([caller.done, callee.done]);
  t.equal(await stopped, 0);
  t.match(product.log(), /no new calls are taken/u);

  const again = await startProduct(workspace);
  t.teardown(() => again.kill());
  await until(async () => (await twintrackJson<Listed[]>(workspace, 'list', '--state', 'complete')).length === calls, 'the recordings');
  const [refused, ...others] = (await twintrackJson<Listed[]>(workspace, 'list')).filter(({ state }) => state !== 'complete');
  t.strictSame([refused?.state, others.length], ['excluded', 0]);
  t.match(refused?.reason, /takes no new calls/u);
  t.equal(await again.stop(), 0);
});

t.test('a second signal does not wait: what runs is hung up and kept as far as it came', { timeout: 120_000 }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const capture = join(workspace.dir, 'voice.pcap');
  await writeCapture(capture, 1_000, tune('caller'));
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const common = { calls: 1, dir: workspace.dir, values: { CAPTURE: capture, CAPTURE_MS: '20000' } };
  const ends = [
    runSipp({ ...common, scenario: 'uas-audio', port: workspace.nextHopPort, mediaPort: 42_100 }),
    runSipp({ ...common, scenario: 'uac-audio', remote: `127.0.0.1:${workspace.sipPort}`, port: workspace.sipPort + 1, mediaPort: 44_100 }),
  ];
  for (const end of ends) end.done.catch(() => undefined);
  t.teardown(() => ends.forEach((end) => end.stop()));
  await until(async () => (await metric(workspace, 'twintrack_recorder_packets_received_total')) > 100, 'media at the recorder');
  const stopped = product.stop();
  await until(async () => !(await isWell(workspace)), 'it drains');
  void product.stop();
  t.equal(await stopped, 0);

  const again = await startProduct(workspace);
  t.teardown(() => again.kill());
  await until(async () => (await twintrackJson<Listed[]>(workspace, 'list')).every(({ state }) => state === 'complete' || state === 'partial'), 'the recording');
  t.equal((await twintrackJson<Listed[]>(workspace, 'list')).length, 1);
  t.equal(await again.stop(), 0);
});
