/** Calls through the embedded edge on a line that loses and doubles datagrams: each completes, and none is made twice. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openParty, type Party, type SrfRequest, type SrfResponse } from '../../src/edge/party.fixture.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { runSippEnd } from './counting-sipp.js';
import { openLossyLine } from './lossy-line.js';

const calls = 200;
const share = 0.05;

const ways: Readonly<Record<string, (party: Party, request: SrfRequest, response: SrfResponse, to: string) => Promise<unknown>>> = {
  'back to back': async ({ srf }, request, response, to) => {
    const { uas, uac } = await srf.createB2BUA(request, response, to, { localSdpB: request.body });
    uas.on('destroy', () => void uac.destroy());
    uac.on('destroy', () => void uas.destroy());
  },
  proxied: ({ srf }, request, _response, to) => srf.proxyRequest(request, to, { recordRoute: true }),
};

const line = openLossyLine({ lostShare: share, doubledShare: share, seed: 4475 });
// Both at once: most of the time is spent waiting for what was lost to be repeated.
t.jobs = 2;

for (const [way, carry] of Object.entries(ways)) {
  t.test(`${calls} calls ${way} all complete, none twice, on a line that loses ${share * 100} % and doubles ${share * 100} %`, { timeout: 150_000 }, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'twintrack-loss-'));
    t.teardown(() => rm(dir, { recursive: true, force: true }));
    const party = await openParty(t);
    const [callerPort, calleePort] = [await freePort(), await freePort()];
    const seen: string[] = [];
    const errors: unknown[] = [];
    party.srf.invite((request, response) => {
      seen.push(request.get('Call-ID'));
      void carry(party, request, response, `sip:callee@127.0.0.1:${calleePort}`).catch((error: unknown) => errors.push(error));
    });

    const callee = runSippEnd({ role: 'uas', port: calleePort, calls, dir });
    const caller = runSippEnd({ role: 'uac', port: callerPort, calls, dir, remote: `127.0.0.1:${party.port()}` });
    const called = await caller.counts;
    callee.finish();
    const answered = await callee.counts;

    const whole = { created: calls, successful: calls, failed: 0 };
    if (!t.match({ called, answered }, { called: whole, answered: whole })) t.comment(caller.objections(), callee.objections());
    t.equal(seen.length, calls, 'the application saw each once');
    t.equal(new Set(seen).size, calls);
    t.strictSame(errors.map(String), []);
    t.equal((await party.edge.stats()).dialogs, 0, 'no dialog is left');
  });
}

t.test('so many datagrams were lost and doubled meanwhile', (t) => {
  line.mend();
  t.ok(line.lost > calls / 2 && line.doubled > calls / 2, `${line.lost} lost, ${line.doubled} doubled`);
  t.end();
});
