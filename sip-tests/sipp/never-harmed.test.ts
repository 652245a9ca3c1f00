/**
 * Recording never harms a call: whatever becomes of the recorder, the anchor, the policy service, the ledger or the
 * disk while 50 calls run, every call goes to its end, no audio is interrupted, and the ledger says of each why it is not whole.
 *
 * Three products, so that one can come to itself while another is tried: one fault after the other.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { limitFiles } from '../../src/capture/full-disk.fixture.js';
import { connectSip, type SipRequest, type SipResponse } from '../../src/sip/index.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { healthOf, metric, startProduct, until } from '../support/product.js';
import { relayPortsAt } from '../support/ports.js';
import { openRawSip } from '../support/raw-sip.js';
import { openWorkspace } from '../support/workspace.js';
import { calls, openBed, place, reload, statesOf, type Settled } from './calls-under-fault.js';

/** A call takes four pairs, which rest for 30 s when it has ended. */
const portsOf = (rounds: number): number => rounds * calls * 4 * 2;
/** More than any capture and recording here, less than where PostgreSQL writes its log: that begins beyond the first MiB of a file of 16. */
const ledgerBytes = 1_048_576;
/** What a capture has reached after less than two seconds. */
const captureBytes = 16_384;

t.test('calls go on, whatever happens to their recording', { timeout: 290_000 }, async (t) => {
  const elsewhere = await openWorkspace();
  t.teardown(() => elsewhere.remove());
  const [bed, injured, narrow] = await Promise.all([
    openBed(t, { relayPorts: relayPortsAt(0, portsOf(5)), afterCallMs: 1_000 }),
    // The journal of captures is to stay below what its disk is made to take.
    openBed(t, { relayPorts: relayPortsAt(portsOf(5), portsOf(2)), recorder: { settleMs: 200 } }),
    // A call takes a port pair for each party, and one for each copy: not enough for all.
    openBed(t, { relayPorts: relayPortsAt(portsOf(7), 80) }),
  ]);
  const recorder = await startProduct(elsewhere);
  t.teardown(() => recorder.kill());
  const recorderAt = (uri: string): Promise<void> => reload(bed, bed.file.replace(/recorder: "[^"]*"/u, `recorder: "${uri}"`));

  await t.test('a recorder that dies', async (t) => {
    await recorderAt(`sip:recorder@127.0.0.1:${elsewhere.recorderPort};transport=tcp`);
    const settled = await place(t, bed, {
      inject: async () => {
        await until(async () => (await metric(elsewhere, 'twintrack_captures_open')) === calls, 'the recorder has all of them');
        await recorder.kill();
      },
    });
    const listed = await settled('pending', 'lost');
    t.ok(listed.every(({ callState }) => callState === 'ended'));
    // What it had is in its own ledger; ours knows the calls, and of one that it had only just been offered that it is lost.
    t.ok((statesOf(listed).pending ?? 0) > 0);
    t.ok(listed.every(({ state, reason }) => state === 'pending' || /recorder/u.test(reason)), 'the ledger says why');
  });

  let ledgerBack: Settled = () => Promise.resolve([]);
  await t.test('a ledger whose database can write no more: what it should take is kept', async (t) => {
    ledgerBack = await place(t, injured, { when: calls / 2, inject: () => limitFiles(injured.product.pid, ledgerBytes) });
    // The ends of all calls and captures, and whatever of the beginning of half of them was not in yet.
    await until(async () => (await metric(injured.workspace, 'twintrack_ledger_entries_waiting')) >= 2 * calls, 'the entries wait');
    await until(async () => /takes no entries; \d+ of calls and captures are kept/u.test((await healthOf(injured.workspace, 'ledger'))?.detail ?? ''), 'health says so');
    limitFiles(injured.product.pid, undefined);
  });

  await t.test('a recorder that is not there', async (t) => {
    await recorderAt(`sip:recorder@127.0.0.1:${await freePort()};transport=tcp`);
    const listed = await (await place(t, bed))('lost');
    t.ok(listed.every(({ reason }) => /recorder/u.test(reason)), 'the ledger says why');
  });

  await t.test('when the database can write again, nothing is missing', async (t) => {
    const listed = await ledgerBack('complete');
    t.ok(listed.every(({ callState }) => callState === 'ended'));
    t.equal(await metric(injured.workspace, 'twintrack_ledger_entries_waiting'), 0);
    t.match(await healthOf(injured.workspace, 'ledger'), { ok: true });
    t.match(injured.product.log(), /the ledger takes no entries.*the ledger has taken all entries that were kept/su);
  });

  let diskBack: Settled = () => Promise.resolve([]);
  await t.test('a disk that is full while they run', async (t) => {
    diskBack = await place(t, injured, {
      inject: async () => {
        await until(async () => (await metric(injured.workspace, 'twintrack_captures_open')) === calls, 'all of them are captured');
        limitFiles(injured.product.pid, captureBytes);
      },
    });
    await until(async () => (await metric(injured.workspace, 'twintrack_captures_total{state="failed"}')) >= calls, 'the captures of all calls were cut');
    limitFiles(injured.product.pid, undefined);
  });

  await t.test('when the disk has room again: what was written until then is kept, and the ledger says why it ends there', async (t) => {
    const listed = await diskBack('partial', 'complete');
    t.strictSame(listed.filter(({ state, reason }) => state === 'partial' && !/could not write .*EFBIG|did not arrive|ended early|because no recorder had/u.test(reason)), []);
  });

  await t.test('a recorder that refuses, for one reason or another', async (t) => {
    // Those that are about the session: after a 5xx the recorder is left alone for a while.
    const refusals = [403, 488, 603];
    const port = await freePort();
    const refusing = await connectSip({ settings: { listen: [{ transport: 'tcp', host: '127.0.0.1', port }] }, onCrash: () => undefined, onTrouble: () => undefined });
    t.teardown(() => refusing.close());
    let asked = 0;
    refusing.srf.use('options', (_request: SipRequest, response: SipResponse) => response.send(405));
    refusing.srf.invite((_request, response) => response.send(refusals[(asked += 1) % refusals.length] ?? 403));
    await recorderAt(`sip:recorder@127.0.0.1:${port};transport=tcp`);
    const listed = await (await place(t, bed))('lost');
    const told = new Set(listed.map(({ reason }) => /the recorder .* refused with (\d+)$/u.exec(reason)?.[1] ?? reason));
    t.strictSame([...told].sort(), refusals.map(String), 'the ledger says why');
  });

  await t.test('an anchor that has no ports left', async (t) => {
    const listed = await (await place(t, narrow))('complete', 'lost');
    const lost = listed.filter(({ state }) => state === 'lost');
    t.ok(lost.length > 0 && lost.length < calls, `${lost.length} of them found none`);
    t.ok(lost.every(({ reason }) => /port/u.test(reason)), 'the ledger says why');
  });

  await t.test('a recorder that says nothing', async (t) => {
    const silent = await openRawSip('127.0.0.1', await freePort());
    t.teardown(() => silent.close());
    await recorderAt(`sip:recorder@127.0.0.1:${silent.port}`);
    const listed = await (await place(t, bed))('lost');
    t.strictSame([...new Set(listed.map(({ reason }) => reason))].filter((reason) => !/recorder .*answer/u.test(reason)), [], 'the ledger says why');
  });

  await t.test('a policy service that hangs, then is gone: the rules decide, and all of them are recorded', async (t) => {
    const service = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(service, 'listening');
    t.teardown(() => service.closeAllConnections());
    await reload(bed, `${bed.file}policy: {service: {url: "http://127.0.0.1:${(service.address() as AddressInfo).port}/"}}\n`);
    const settled = await place(t, bed, {
      inject: () => {
        service.closeAllConnections();
        service.close();
      },
    });
    t.strictSame(statesOf(await settled('complete')), { complete: calls });
  });
  for (const { product } of [bed, injured, narrow]) t.equal(await product.stop(), 0);
});
