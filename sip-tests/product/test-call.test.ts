/** `twintrack call`: what each end sent is what the recording holds, sample for sample. */
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { edge } from '../../src/edge/transport/test-certificates.fixture.js';
import { tlsFiles } from '../../src/edge/transport/tls-files.fixture.js';
import type { Report } from '../../src/ledger/index.js';
import { parseWav } from '../../src/media/index.js';
import { metric, startProduct, twintrack, twintrackJson, until } from '../support/product.js';
import { openWorkspace } from '../support/workspace.js';

interface CallDocument {
  readonly sessionId: string;
  readonly ok: boolean;
  readonly caller: { readonly heardPackets: number; readonly recorded: { readonly sent: number; readonly identical: number } };
  readonly callee: { readonly heardPackets: number; readonly recorded: { readonly sent: number; readonly identical: number } };
  readonly offsetSamples: { readonly sent: number; readonly recorded: number };
  readonly report: Report;
}

t.test('where all SIP goes by TLS with client certificates: trunk, next hop and recorder, keys of SRTP included', { timeout: 120_000 }, async (t) => {
  const workspace = await openWorkspace({ tls: tlsFiles(t, edge, { clientCertificate: 'require' }).settings });
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const done = await twintrackJson<CallDocument>(workspace, 'call', '--seconds', '2', '--srtp');
  t.strictSame([done.caller.recorded, done.callee.recorded], [{ sent: 16_000, identical: 16_000 }, { sent: 16_000, identical: 16_000 }]);
  t.ok(done.report.channels.every((channel) => channel.encrypted && channel.packetsLost === 0));
  t.ok(done.ok);
});

t.test('test calls through a running product', { timeout: 180_000 }, async (t) => {
  const workspace = await openWorkspace({ isNew: true });
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());

  for (const [name, ...args] of [
    ['plain', '--seconds', '3'],
    ['SRTP with SDES keys', '--seconds', '2', '--srtp'],
    ['A-law', '--seconds', '1', '--codec', 'PCMA'],
    ['to a number', '--seconds', '1', '--to', 'sip:+4420@example.com'],
    ['through TCP', '--seconds', '1', '--via', `127.0.0.1:${workspace.sipPort};transport=tcp`],
  ] as const) {
    await t.test(`a call (${name}) is recorded sample for sample, both sides in their place`, async (t) => {
      const done = await twintrackJson<CallDocument>(workspace, 'call', ...args);
      const samples = Number(args[1]) * 8_000;
      const packets = samples / 160;
      t.equal(done.report.state, 'complete');
      t.strictSame(done.caller.recorded, { sent: samples, identical: samples }, 'the left channel is what the caller sent');
      t.strictSame(done.callee.recorded, { sent: samples, identical: samples }, 'the right channel is what the callee sent');
      t.ok(Math.abs(done.offsetSamples.recorded - done.offsetSamples.sent) <= 1, 'the sides are aligned within one sample');
      t.strictSame([done.caller.heardPackets, done.callee.heardPackets], [packets, packets], 'each end heard all of the other');
      t.strictSame(
        done.report.channels.map((channel) => [channel.packetsReceived, channel.packetsLost, channel.encrypted]),
        [
          [packets, 0, name.startsWith('SRTP')],
          [packets, 0, name.startsWith('SRTP')],
        ],
      );
      t.ok(done.ok);
    });
  }

  await t.test('the exported WAV is as long as the report says', async (t) => {
    const { sessionId, report } = await twintrackJson<CallDocument>(workspace, 'call', '--seconds', '1');
    const file = join(workspace.dir, 'out.wav');
    t.equal((await twintrack(workspace, 'export', sessionId, '--out', file)).status, 0);
    const wav = parseWav(await readFile(file));
    if (typeof wav === 'string') throw new Error(wav);
    t.equal(((wav.data.length / 4) * 1_000) / 8_000, report.durationMs);
  });

  await t.test('verify tells a recording that was changed from one that was not', async (t) => {
    const { sessionId, report } = await twintrackJson<CallDocument>(workspace, 'call', '--seconds', '1');
    t.equal((await twintrack(workspace, 'verify', report.recordingId)).status, 0);
    const vault = join(workspace.dir, 'data', 'vault');
    const name = (await readdir(vault, { recursive: true })).find((entry) => entry.endsWith(`${report.recordingId}.wav`));
    const object = join(vault, name ?? '');
    const bytes = await readFile(object);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 100) ^ 1, bytes.length - 100);
    await writeFile(object, bytes);
    const changed = await twintrack(workspace, 'verify', sessionId);
    t.equal(changed.status, 1);
    t.match(changed.stdout, 'NOT AS IT WAS MADE');
    const file = join(workspace.dir, 'changed.wav');
    const exported = await twintrack(workspace, 'export', sessionId, '--out', file);
    t.equal(exported.status, 1, 'nor is it handed out');
    t.notOk(existsSync(file));
    t.equal((await twintrack(workspace, 'verify', '--all')).status, 1);
  });

  await t.test('no key of an SRTP call stands in the log', (t) => {
    t.notMatch(product.log(), /inline:|a=crypto/);
    t.end();
  });

  await t.test('a product that is stopped during a call hangs up on both ends, and the call says so', async (t) => {
    const calling = twintrack(workspace, 'call', '--seconds', '60');
    await until(async () => (await metric(workspace, 'twintrack_captures_open')) === 1, 'the call');
    t.equal(await product.stop(), 0, 'SIGTERM stops the product cleanly');
    const { status, stderr } = await calling;
    t.equal(status, 1);
    t.match(stderr, 'hung up');
  });

  const stopped = await twintrackJson<unknown[]>(workspace, 'list');
  t.equal(stopped.length, 8, 'the recordings are there without a running product too');
});
