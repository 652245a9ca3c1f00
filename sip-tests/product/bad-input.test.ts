/** What nobody should send, and what is set wrongly: it is answered clearly, and harms nothing else. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { Report } from '../../src/ledger/index.js';
import { isWell, listed, metric, startProduct, twintrack, twintrackJson, until } from '../support/product.js';
import { openRawSip, rawRequest, rawResponse } from '../support/raw-sip.js';
import { openWorkspace } from '../support/workspace.js';

interface CallDocument {
  readonly sessionId: string;
  readonly ok: boolean;
  readonly report: Report;
}

const garbage = (): Buffer[] => [
  ...Array.from({ length: 300 }, () => randomBytes(1 + Math.floor(Math.random() * 1_400))),
  ...['INVITE', 'INVITE sip:x SIP/2.0', 'SIP/2.0 200 OK\r\n\r\n', '\r\n\r\n', 'OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n\r\n', '\0\0\0\0'].map((text) => Buffer.from(text)),
  Buffer.from(`INVITE sip:a@b SIP/2.0\r\n${'X: y\r\n'.repeat(5_000)}\r\n`),
];

/** Writes until all is written or the other end has had enough. */
async function sendOverTcp(port: number, parts: readonly Buffer[]): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.on('error', () => undefined);
  for (const bytes of parts) socket.write(bytes);
  socket.end();
  socket.resume();
  await closed;
}

t.test('bad input on the wire', { timeout: 180_000 }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());

  await t.test('garbage on the SIP and media ports during a call: the call is recorded whole', async (t) => {
    const running = twintrackJson<CallDocument>(workspace, 'call', '--seconds', '3');
    const raw = await openRawSip('127.0.0.1');
    t.teardown(() => raw.close());
    await until(async () => (await metric(workspace, 'twintrack_captures_open')) === 1, 'the call');
    for (const bytes of garbage()) {
      raw.send(bytes, workspace.sipPort);
      raw.send(bytes, workspace.recorderPort);
    }
    for (const port of [workspace.sipPort, workspace.recorderPort]) {
      await sendOverTcp(port, garbage());
    }
    const done = await running;
    t.ok(done.ok, 'every sample of both sides is in its place');
    t.ok(await isWell(workspace));
  });

  await t.test('an INVITE whose SDP has no audio goes on to the next hop; the ledger says why nothing is recorded', async (t) => {
    const callee = await openRawSip('127.0.0.1', workspace.nextHopPort);
    const caller = await openRawSip('127.0.0.1');
    t.teardown(() => {
      callee.close();
      caller.close();
    });
    const body = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 40000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n';
    caller.send(rawRequest({ method: 'INVITE', from: { address: '127.0.0.1', port: caller.port }, toPort: workspace.sipPort, body }), workspace.sipPort);
    const invite = await callee.message('INVITE');
    t.match(invite, /m=video \d+ RTP\/AVP 96\r\na=rtpmap:96 VP8\/90000/);
    callee.send(rawResponse(invite, '486 Busy Here'), workspace.sipPort);
    await caller.message('SIP/2.0 486');
    await until(async () => (await listed(workspace, 'excluded')).length === 1, 'the ledger entry');
  });

  await t.test('an SDP that nobody can read goes on untouched', async (t) => {
    const callee = await openRawSip('127.0.0.1', workspace.nextHopPort);
    const caller = await openRawSip('127.0.0.1');
    t.teardown(() => {
      callee.close();
      caller.close();
    });
    const body = 'this is no SDP at all';
    caller.send(rawRequest({ method: 'INVITE', from: { address: '127.0.0.1', port: caller.port }, toPort: workspace.sipPort, body }), workspace.sipPort);
    const invite = await callee.message('INVITE');
    t.ok(invite.endsWith(body));
    callee.send(rawResponse(invite, '488 Not Acceptable Here'), workspace.sipPort);
    await caller.message('SIP/2.0 488');
  });

  await t.test('a recording session without SDP is made an offer (RFC 3261 §13.2.1), and one whose answer never comes harms nothing', async (t) => {
    const client = await openRawSip('127.0.0.1');
    client.send(rawRequest({ method: 'INVITE', from: { address: '127.0.0.1', port: client.port }, toPort: workspace.recorderPort }), workspace.recorderPort);
    t.teardown(() => client.close());
    t.match(await client.message('SIP/2.0 200'), /\r\nm=audio \d+ RTP\/AVP /u);
  });

  await t.test('after all of that a call is recorded as ever', async (t) => {
    t.ok((await twintrackJson<CallDocument>(workspace, 'call', '--seconds', '1', '--srtp')).ok);
  });
  t.equal(await product.stop(), 0);
});

t.test('strangers', { timeout: 120_000 }, async (t) => {
  for (const [strangers, says] of [
    ['refuse', 'an INVITE from an address that is no trunk is answered 403'],
    ['ignore', 'an INVITE from an address that is no trunk is not answered at all'],
  ] as const) {
    await t.test(says, async (t) => {
      const workspace = await openWorkspace({ strangers, sources: ['127.0.0.2/32'] });
      t.teardown(() => workspace.remove());
      const product = await startProduct(workspace);
      t.teardown(() => product.kill());
      const stranger = await openRawSip('127.0.0.1');
      const trunk = await openRawSip('127.0.0.2');
      t.teardown(() => {
        stranger.close();
        trunk.close();
      });
      const from = { address: '127.0.0.1', port: stranger.port };
      stranger.send(rawRequest({ method: 'INVITE', from, toPort: workspace.sipPort }), workspace.sipPort);
      if (strangers === 'refuse') await stranger.message('SIP/2.0 403');
      // The trunk asks later and is answered: by then a stranger would have been, too.
      trunk.send(rawRequest({ method: 'OPTIONS', from: { address: '127.0.0.2', port: trunk.port }, toPort: workspace.sipPort }), workspace.sipPort);
      await trunk.message('SIP/2.0 200');
      if (strangers === 'ignore') t.strictSame(stranger.received, []);
      if (strangers === 'refuse') await until(async () => (await listed(workspace)).length > 0, 'the ledger entry');
      const entries = await listed(workspace);
      if (strangers === 'ignore') t.strictSame(entries, []);
      else t.match(entries, [{ state: 'excluded', reason: 'refused with 403: its source belongs to no trunk' }]);
      t.equal(await product.stop(), 0);
    });
  }
});

t.test('a recorder that is not there: the call goes on, and the ledger says what happened to its recording', { timeout: 120_000 }, async (t) => {
  const workspace = await openWorkspace({ recorderUri: 'sip:nobody@127.0.0.1:9;transport=tcp', afterCallMs: 0 });
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const { status, stdout } = await twintrack(workspace, 'call', '--seconds', '2', '--json');
  t.equal(status, 1, 'the test call says that there is no recording');
  const done = JSON.parse(stdout) as { caller: { heardPackets: number }; callee: { heardPackets: number } };
  t.strictSame([done.caller.heardPackets, done.callee.heardPackets], [100, 100], 'both ends heard each other');
  const [entry] = await listed(workspace);
  t.equal(entry?.state, 'lost');
  t.match(entry?.reason ?? '', /recorder/);
  t.equal(await product.stop(), 0);
});

t.test('a wrong configuration: the message names key and line, nothing is started', async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const file = join(workspace.dir, 'wrong.yaml');
  await writeFile(file, 'http:\n  prot: 1\ntrunks: []\n');
  for (const args of [['check-config', file], ['start', '--config', file], ['list', '--config', file]]) {
    const { status, stderr, stdout } = await twintrack(workspace, ...args);
    t.equal(status, 1);
    t.match(stderr, `${file}:2: http.prot: there is no such key`);
    t.match(stderr, `${file}:3: trunks:`);
    t.match(stderr, 'sip: this key is missing');
    t.equal(stdout, '');
  }
  const missing = await twintrack(workspace, 'check-config', join(workspace.dir, 'none.yaml'));
  t.equal(missing.status, 1);
  t.match(missing.stderr, 'none.yaml');
  t.equal((await twintrack(workspace, 'check-config', workspace.configFile)).status, 0);
  t.equal((await twintrack(workspace, 'nonsense')).status, 2);
  t.equal((await twintrack(workspace, 'verify')).status, 2);
});
