/**
 * Recording never harms a call: whatever becomes of the recorder, the anchor, the policy service, the ledger or the
 * disk while 50 calls run, every call goes to its end, no audio is interrupted, and the ledger says of each why it is not whole.
 *
 * Two products at once, each with one fault after another.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { limitFiles } from '../../src/capture/full-disk.fixture.js';
import { connectSip } from '../../src/sip/index.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { healthOf, metric, startProduct, until } from '../support/product.js';
import { relayPortsAt } from '../support/ports.js';
import { openRawSip } from '../support/raw-sip.js';
import { openWorkspace } from '../support/workspace.js';
import { calls, during, openBed, reload, statesOf } from './calls-under-fault.js';

/** A call takes four pairs, which rest for 30 s when it has ended. */
const portsOf = (rounds: number): number => rounds * calls * 4 * 2;
/** More than any capture and recording here, less than where the log of the ledger's database is written (PostgreSQL begins beyond the first MiB of it). */
const ledgerBytes = 1_048_576;
/** What a capture has reached after less than two seconds. */
const captureBytes = 16_384;

t.jobs = 2;

void t.test('calls go on, whatever the recorder does', { timeout: 280_000, buffered: true }, async (t) => {
  const elsewhere = await openWorkspace();
  t.teardown(() => elsewhere.remove());
  const bed = await openBed(t, 0, { relayPorts: relayPortsAt(0, portsOf(4)) });
  const recorderAt = (uri: string): Promise<void> => reload(bed, bed.file.replace(/recorder: "[^"]*"/u, `recorder: "${uri}"`));

  await t.test('a recorder that dies', async (t) => {
    const recorder = await startProduct(elsewhere);
    t.teardown(() => recorder.kill());
    await recorderAt(`sip:recorder@127.0.0.1:${elsewhere.recorderPort};transport=tcp`);
    const listed = await during(t, bed, {
      told: ['pending', 'lost'],
      inject: async () => {
        await until(async () => (await metric(elsewhere, 'twintrack_captures_open')) === calls, 'the recorder has all of them');
        await recorder.kill();
      },
    });
    t.ok(listed.every(({ callState }) => callState === 'ended'));
    // What it had is in its own ledger; ours knows the calls, and of one that it had only just been offered that it is lost.
    t.ok((statesOf(listed).pending ?? 0) > 0);
    t.ok(listed.every(({ state, reason }) => state === 'pending' || /recorder/u.test(reason)), 'the ledger says why');
  });

  await t.test('a recorder that is not there', async (t) => {
    await recorderAt(`sip:recorder@127.0.0.1:${await freePort()};transport=tcp`);
    const listed = await during(t, bed, { told: ['lost'] });
    t.strictSame(statesOf(listed), { lost: calls });
    t.ok(listed.every(({ reason }) => /recorder/u.test(reason)), 'the ledger says why');
  });

  await t.test('a recorder that refuses, for one reason or another', async (t) => {
    const refusals = [488, 500, 603];
    const port = await freePort();
    const recorder = await connectSip({ settings: { listen: [{ transport: 'tcp', host: '127.0.0.1', port }] }, onCrash: () => undefined, onTrouble: () => undefined });
    t.teardown(() => recorder.close());
    let asked = 0;
    recorder.srf.invite((_request, response) => response.send(refusals[(asked += 1) % refusals.length] ?? 500));
    await recorderAt(`sip:recorder@127.0.0.1:${port};transport=tcp`);
    const listed = await during(t, bed, { told: ['lost'] });
    t.strictSame(statesOf(listed), { lost: calls });
    const told = new Set(listed.map(({ reason }) => /the recorder .* refused with (\d+)$/u.exec(reason)?.[1] ?? reason));
    t.strictSame([...told].sort(), refusals.map(String), 'the ledger says why');
  });

  await t.test('a recorder that says nothing', async (t) => {
    const silent = await openRawSip('127.0.0.1', await freePort());
    t.teardown(() => silent.close());
    await recorderAt(`sip:recorder@127.0.0.1:${silent.port}`);
    const listed = await during(t, bed, { told: ['lost'] });
    t.strictSame(statesOf(listed), { lost: calls });
    t.strictSame([...new Set(listed.map(({ reason }) => reason))].filter((reason) => !/recorder .*answer/u.test(reason)), []);
  });
  t.equal(await bed.product.stop(), 0);
});

void t.test('calls go on, whatever happens to the anchor, the policy service, the ledger and the disk', { timeout: 280_000, buffered: true }, async (t) => {
  await t.test('an anchor that has no ports left', async (t) => {
    // A call takes a port pair for each party, and one for each copy.
    const narrow = await openBed(t, 1, { relayPorts: relayPortsAt(portsOf(4), 80) });
    const listed = await during(t, narrow, { told: ['complete', 'lost'] });
    const lost = listed.filter(({ state }) => state === 'lost');
    t.ok(lost.length > 0 && lost.length < calls, `${lost.length} of them found none`);
    t.ok(lost.every(({ reason }) => /port/u.test(reason)), 'the ledger says why');
    t.equal(await narrow.product.stop(), 0);
  });

  const bed = await openBed(t, 1, { relayPorts: relayPortsAt(portsOf(4) + 80, portsOf(3)) });
  const { workspace, product } = bed;

  await t.test('a policy service that hangs, then is gone', async (t) => {
    const service = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(service, 'listening');
    t.teardown(() => service.closeAllConnections());
    await reload(bed, `${bed.file}policy: {service: {url: "http://127.0.0.1:${(service.address() as AddressInfo).port}/"}}\n`);
    const listed = await during(t, bed, {
      told: ['complete'],
      inject: () => {
        service.closeAllConnections();
        service.close();
      },
    });
    t.strictSame(statesOf(listed), { complete: calls }, 'the rules decide: all of them are recorded');
    await reload(bed, bed.file);
  });

  await t.test('a ledger whose database can write no more: what it should have taken is kept, and entered when it can', async (t) => {
    let [waiting, health] = [0, ''];
    const listed = await during(t, bed, {
      told: ['complete'],
      when: calls / 2,
      inject: () => limitFiles(product.pid, ledgerBytes),
      mend: async () => {
        waiting = await metric(workspace, 'twintrack_ledger_entries_waiting');
        health = (await healthOf(workspace, 'ledger'))?.detail ?? '';
        limitFiles(product.pid, undefined);
      },
    });
    // The ends of all calls and captures, and whatever of the beginning of half of them was not in yet.
    t.ok(waiting >= 2 * calls, `${waiting} entries waited`);
    t.match(health, /takes no entries; \d+ of calls and captures are kept/u, 'health says so');
    t.strictSame(statesOf(listed), { complete: calls }, 'nothing is missing');
    t.ok(listed.every(({ callState }) => callState === 'ended'));
    t.equal(await metric(workspace, 'twintrack_ledger_entries_waiting'), 0);
    t.match(await healthOf(workspace, 'ledger'), { ok: true });
    t.match(product.log(), /the ledger takes no entries.*the ledger has taken all entries that were kept/su);
  });

  await t.test('a disk that is full while they run', async (t) => {
    const listed = await during(t, bed, { told: ['partial'], inject: () => limitFiles(product.pid, captureBytes), mend: () => limitFiles(product.pid, undefined) });
    t.strictSame(statesOf(listed), { partial: calls }, 'what was written until then is kept');
    t.strictSame(listed.filter(({ reason }) => !/could not write .*EFBIG/u.test(reason)), [], 'the ledger says why');
    t.equal(await metric(workspace, 'twintrack_captures_total{state="failed"}'), calls);
  });
  t.equal(await product.stop(), 0);
});
