/**
 * Recording never harms a call: whatever becomes of the recorder, the anchor or the policy service while 50 calls
 * run, every call goes to its end, no audio is interrupted, and the ledger says of each why it is not whole.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Listed } from '../../src/ledger/index.js';
import { tune } from '../../src/testcall/index.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { writeCapture } from '../support/audio.js';
import { metric, startProduct, twintrackJson, until, type RunningProduct } from '../support/product.js';
import { openRawSip } from '../support/raw-sip.js';
import { openRtpSink, type RtpSink } from '../support/rtp-sink.js';
import { runSipp } from '../support/sipp.js';
import { openWorkspace, type Workspace } from '../support/workspace.js';

const calls = 50;
/** A call takes four pairs, which rest for 30 s when it has ended. */
const relayPorts: [number, number] = [20_000, 23_999];
/** Of 20 ms. */
const packets = 400;

interface Bed {
  readonly workspace: Workspace;
  readonly product: RunningProduct;
  readonly sink: RtpSink;
  readonly capture: string;
  /** The configuration as it was at first. */
  readonly file: string;
}

async function reload({ workspace, product }: Bed, text: string): Promise<void> {
  await writeFile(workspace.configFile, text);
  const before = product.log().length;
  product.signal('SIGHUP');
  await until(() => Promise.resolve(/the configuration is (?:not )?taken/u.test(product.log().slice(before))), 'the configuration is read');
  if (!/is taken/u.test(product.log().slice(before))) throw new Error(product.log().slice(before));
}

let placed = 0;

/**
 * Places 50 calls, does something once all run, and gives what the ledger says of them.
 *
 * @param told the states that they end in
 */
async function during(t: Test, bed: Bed, told: readonly string[], inject: () => Promise<void> | void = () => undefined): Promise<readonly Listed[]> {
  const { workspace, sink, capture } = bed;
  const round = (placed += 1);
  const before = await twintrackJson<Listed[]>(workspace, 'list', '--limit', '1000');
  const common = { calls, rate: 25, dir: workspace.dir };
  const callee = runSipp({ ...common, scenario: 'uas-sink', port: workspace.nextHopPort, mediaPort: 42_000, values: { SINK: String(sink.port) } });
  const caller = runSipp({
    ...common, scenario: 'uac-audio', remote: `127.0.0.1:${workspace.sipPort}`, port: workspace.sipPort + 1, mediaPort: 44_000, values: { CAPTURE: capture, CAPTURE_MS: String(packets * 20) },
  });
  await until(async () => (await metric(workspace, 'twintrack_calls_active')) === calls, `round ${round}: all calls run`);
  await inject();
  await Promise.all([caller.done, callee.done]);
  const heard = sink.take();
  t.equal(heard.length, calls, 'every call was heard');
  t.strictSame(heard.filter(({ packets: count, longestGap }) => count < packets - 1 || longestGap > 1), [], 'no audio was interrupted for more than 20 ms');
  await until(async () => (await metric(workspace, 'twintrack_calls_active')) === 0, 'all calls have ended');
  let listed: readonly Listed[] = [];
  await until(async () => {
    listed = (await twintrackJson<Listed[]>(workspace, 'list', '--limit', '1000')).filter(({ sessionId }) => !before.some((one) => one.sessionId === sessionId));
    return listed.length === calls && listed.every(({ state }) => told.includes(state));
  }, 'the ledger knows the end of each', 60_000);
  return listed;
}

const statesOf = (listed: readonly Listed[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { state } of listed) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
};

t.test('calls go on, whatever happens to their recording', { timeout: 280_000 }, async (t) => {
  const [workspace, elsewhere, sink] = [await openWorkspace({ relayPorts }), await openWorkspace(), await openRtpSink()];
  t.teardown(() => Promise.all([workspace.remove(), elsewhere.remove()]).then(() => sink.close()));
  const capture = join(workspace.dir, 'voice.pcap');
  await writeCapture(capture, packets, tune('caller'));
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const file = await readFile(workspace.configFile, 'utf8');
  const bed: Bed = { workspace, product, sink, capture, file };
  const recorderAt = (uri: string): Promise<void> => reload(bed, file.replace(/recorder: "[^"]*"/u, `recorder: "${uri}"`));

  await t.test('a recorder that dies', async (t) => {
    const recorder = await startProduct(elsewhere);
    await recorderAt(`sip:recorder@127.0.0.1:${elsewhere.recorderPort};transport=tcp`);
    const listed = await during(t, bed, ['pending', 'lost'], async () => {
      await until(async () => (await metric(elsewhere, 'twintrack_captures_open')) === calls, 'the recorder has all of them');
      recorder.kill();
    });
    t.ok(listed.every(({ callState }) => callState === 'ended'));
    // What it had is in its own ledger; ours knows the calls, and of one that it had only just been offered that it is lost.
    t.ok((statesOf(listed).pending ?? 0) > 0);
    t.ok(listed.every(({ state, reason }) => state === 'pending' || /recorder/u.test(reason)), 'the ledger says why');
  });

  await t.test('a recorder that is not there', async (t) => {
    await recorderAt(`sip:recorder@127.0.0.1:${await freePort()};transport=tcp`);
    const listed = await during(t, bed, ['lost']);
    t.strictSame(statesOf(listed), { lost: calls });
    t.ok(listed.every(({ reason }) => /recorder/u.test(reason)), 'the ledger says why');
  });

  await t.test('a recorder that says nothing', async (t) => {
    const silent = await openRawSip('127.0.0.1', await freePort());
    t.teardown(() => silent.close());
    await recorderAt(`sip:recorder@127.0.0.1:${silent.port}`);
    const listed = await during(t, bed, ['lost']);
    t.strictSame(statesOf(listed), { lost: calls });
    t.strictSame([...new Set(listed.map(({ reason }) => reason))].filter((reason) => !/recorder .*answer/u.test(reason)), []);
  });

  await t.test('an anchor that has no ports left', async (t) => {
    // A call takes a port pair for each party, and one for each copy.
    const narrow = await openWorkspace({ relayPorts: [28_000, 28_079] });
    t.teardown(() => narrow.remove());
    const small = await startProduct(narrow);
    t.teardown(() => small.kill());
    const listed = await during(t, { ...bed, workspace: narrow, product: small }, ['complete', 'lost']);
    const lost = listed.filter(({ state }) => state === 'lost');
    t.ok(lost.length > 0 && lost.length < calls, `${lost.length} of them found none`);
    t.ok(lost.every(({ reason }) => /port/u.test(reason)), 'the ledger says why');
    t.equal(await small.stop(), 0);
  });

  await t.test('a policy service that hangs, then is gone', async (t) => {
    const service = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(service, 'listening');
    t.teardown(() => service.closeAllConnections());
    await reload(bed, `${file}policy: {service: {url: "http://127.0.0.1:${(service.address() as AddressInfo).port}/"}}\n`);
    const listed = await during(t, bed, ['complete'], () => {
      service.closeAllConnections();
      service.close();
    });
    t.strictSame(statesOf(listed), { complete: calls }, 'the rules decide: all of them are recorded');
  });
  t.equal(await product.stop(), 0);
});
