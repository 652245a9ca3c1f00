/** A policy service over HTTPS decides for the running product; the rules do when it has gone. */
import { once } from 'node:events';
import { appendFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { authority, edge } from '../../src/edge/transport/test-certificates.fixture.js';
import { metric, startProduct, twintrack, twintrackJson } from '../support/product.js';
import { openWorkspace } from '../support/workspace.js';

t.test('a call is recorded because the policy service says so; without the service the rules decide, and the call goes on', { timeout: 120_000 }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const asked: unknown[] = [];
  const service = createServer({ cert: edge.cert, key: edge.key }, (request, response) => {
    void request.toArray().then((parts: Buffer[]) => {
      asked.push([request.headers.authorization, JSON.parse(Buffer.concat(parts).toString())]);
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"version": 1, "record": "always"}');
    });
  });
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  t.teardown(() => {
    service.close();
    service.closeAllConnections();
  });
  const [tokenFile, caFile] = [join(workspace.dir, 'policy.token'), join(workspace.dir, 'ca.pem')];
  await writeFile(tokenFile, 'abc\n');
  await writeFile(caFile, authority);
  await appendFile(workspace.configFile, `policy: {service: {url: 'https://127.0.0.1:${(service.address() as AddressInfo).port}/decide', tokenFile: ${tokenFile}, timeoutMs: 2000}, otherwise: {record: never}}\n`);
  // Node reads it at its start: the product's, not this test's.
  process.env['NODE_EXTRA_CA_CERTS'] = caFile;
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());

  t.match(await twintrackJson(workspace, 'call', '--seconds', '1'), { ok: true, report: { state: 'complete' } });
  t.match(asked, [['Bearer abc', { version: 1, trunk: 'loopback', caller: { user: 'caller' } }]]);
  t.equal(await metric(workspace, 'twintrack_policy_decisions_total{by="fresh"}'), 1);

  service.close();
  service.closeAllConnections();
  const unrecorded = await twintrack(workspace, 'call', '--seconds', '1');
  t.equal(unrecorded.status, 1, 'there is no recording to compare with');
  t.equal(await metric(workspace, 'twintrack_policy_decisions_total{by="rules"}'), 1);
  t.equal(await metric(workspace, 'twintrack_policy_unanswered_total{reason="connection"}'), 1);
  t.equal(await metric(workspace, 'twintrack_calls_total{outcome="answered"}'), 2);
});
