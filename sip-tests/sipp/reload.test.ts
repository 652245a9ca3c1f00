/** The configuration is read again while calls run: new calls go by the new one, the old calls on as they began. */
import { readFile, writeFile } from 'node:fs/promises';
import t from 'tap';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { listed, metric, startProduct, until } from '../support/product.js';
import { openRawSip, rawRequest } from '../support/raw-sip.js';
import { startCalls } from '../support/running-calls.js';
import { openWorkspace } from '../support/workspace.js';

const calls = 3;
/** Of 20 ms. */
const packets = 250;

t.test('SIGHUP: new calls go where the new configuration says, running ones to their end; a wrong one changes nothing', { timeout: 120_000 }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const running = await startCalls(workspace, calls, packets);

  const [elsewhere, raw] = [await openRawSip('127.0.0.1', await freePort()), await openRawSip('127.0.0.1')];
  t.teardown(() => [elsewhere, raw].forEach((each) => each.close()));
  const file = await readFile(workspace.configFile, 'utf8');
  const reload = async (text: string, told: RegExp): Promise<void> => {
    await writeFile(workspace.configFile, text);
    const before = product.log().length;
    product.signal('SIGHUP');
    await until(() => Promise.resolve(told.test(product.log().slice(before))), `the log says ${told}`);
  };
  const invites = (): number => elsewhere.received.filter((each) => each.startsWith('INVITE ')).length;
  const call = (): void => raw.send(rawRequest({ method: 'INVITE', from: { address: '127.0.0.1', port: raw.port }, toPort: workspace.sipPort }), workspace.sipPort);

  const moved = file.replace(`sip:127.0.0.1:${workspace.nextHopPort}`, `sip:127.0.0.1:${elsewhere.port}`);
  await reload(moved, /the configuration is taken"/u);
  call();
  await until(() => Promise.resolve(invites() >= 1), 'the new next hop is called');

  await reload(`${moved}nonsense: 1\n`, /the configuration is not taken/u);
  await reload(moved.replace('node: test', 'node: other'), /but for keys that need a restart/u);
  t.equal(await metric(workspace, 'twintrack_calls_active'), calls + 1, 'meanwhile the old calls run');

  await reload(moved.replace('sources: [127.0.0.0/8]\n    nextHop', 'sources: [192.0.2.1]\n    nextHop'), /the configuration is taken"/u);
  const before = invites();
  call();
  await raw.message('SIP/2.0 403');
  t.equal(invites(), before, 'who is no trunk any more is refused');

  await running.done;
  await until(async () => (await listed(workspace, 'complete')).length === calls, 'the recordings');
  t.equal(await product.stop(), 0);
});
