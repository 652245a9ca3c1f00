/** The product is told to stop while calls run: they go on to their end, no new ones are taken, nothing is lost. */
import t from 'tap';
import { isWell, listed, metric, startProduct, until } from '../support/product.js';
import { openRawSip, rawRequest } from '../support/raw-sip.js';
import { startCalls } from '../support/running-calls.js';
import { openWorkspace } from '../support/workspace.js';

const calls = 5;
/** Of 20 ms. */
const packets = 200;

t.jobs = 2;

void t.test('SIGTERM drains: running calls end whole, new ones are told to come later, then the product stops', { timeout: 120_000, buffered: true }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const running = await startCalls(workspace, calls, packets);

  const stopped = product.stop();
  const raw = await openRawSip('127.0.0.1');
  t.teardown(() => raw.close());
  await until(async () => !(await isWell(workspace)), 'health says that no calls are taken');
  for (const method of ['OPTIONS', 'INVITE']) {
    const refusals = (): string[] => raw.received.filter((each) => each.startsWith('SIP/2.0 503 ') && each.includes(`CSeq: 1 ${method}\r\n`));
    const counted = async (): Promise<boolean> => method === 'OPTIONS' || (await metric(workspace, 'twintrack_sip_rejected_total{reason="draining"}')) > 0;
    await until(async () => {
      if (refusals().length > 0 && (await counted())) return true;
      // On a busy machine the edge may turn one away by itself, which then is no call.
      raw.send(rawRequest({ method, from: { address: '127.0.0.1', port: raw.port }, toPort: workspace.sipPort }), workspace.sipPort);
      return false;
    }, `${method} is answered 503`);
    t.match(refusals()[0], /\r\nRetry-After: \d+\r\n/iu);
  }
  t.equal(await metric(workspace, 'twintrack_calls_active'), calls, 'meanwhile the old calls run');
  await running.done;
  t.equal(await stopped, 0);
  t.match(product.log(), /no new calls are taken/u);

  const again = await startProduct(workspace);
  t.teardown(() => again.kill());
  await until(async () => (await listed(workspace, 'complete')).length === calls, 'the recordings');
  const refused = (await listed(workspace)).filter(({ state }) => state !== 'complete');
  t.ok(refused.length > 0);
  for (const { state, reason } of refused) t.match({ state, reason }, { state: 'excluded', reason: /takes no new calls/u });
  t.equal(await again.stop(), 0);
});

void t.test('a second signal does not wait: what runs is hung up and kept as far as it came', { timeout: 120_000, buffered: true }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const running = await startCalls(workspace, 1, 1_000);
  t.teardown(() => running.stop());
  await until(async () => (await metric(workspace, 'twintrack_recorder_packets_received_total')) > 100, 'media at the recorder');
  const stopped = product.stop();
  await until(async () => !(await isWell(workspace)), 'it drains');
  void product.stop();
  t.equal(await stopped, 0);

  const again = await startProduct(workspace);
  t.teardown(() => again.kill());
  await until(async () => (await listed(workspace)).every(({ state }) => state === 'complete' || state === 'partial'), 'the recording');
  t.equal((await listed(workspace)).length, 1);
  t.equal(await again.stop(), 0);
});
