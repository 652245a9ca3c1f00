/**
 * A Cisco gateway on the way of the call: it is told over HTTP which calls to copy, and copies them to the recorder. The
 * gateway is a double (see its head): its SIP and the product are real.
 */
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { readCiscoGuid } from '../../src/sip/cisco-guid.js';
import { GatewayDouble } from '../../src/anchor/xmf/gateway-double.fixture.js';
import { decodePcmu, encodePcmu, encodeRtp } from '../../src/media/index.js';
import { connectSip, hangUp, type SipConnection, type SipDialog } from '../../src/sip/index.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { heldAboutMiddle } from '../support/audio.js';
import { healthOf, listed, startProduct, until } from '../support/product.js';
import { listedOnce, recordingOf } from '../support/recordings.js';
import { openWorkspace } from '../support/workspace.js';

const [loopback, packets] = ['127.0.0.1', 100];
const sdpOf = (port: number): string => ['v=0', `o=- 1 1 IN IP4 ${loopback}`, 's=-', `c=IN IP4 ${loopback}`, 't=0 0', `m=audio ${port} RTP/AVP 0`, ''].join('\r\n');

const openSip = (port: number): Promise<SipConnection> =>
  connectSip({ settings: { listen: [{ transport: 'udp', host: loopback, port }] }, onCrash: () => undefined, onTrouble: () => undefined });

/** What a party says, and its packets; never silent. */
function speech(pitch: number): { readonly samples: Int16Array; readonly packets: readonly Buffer[] } {
  const payload = encodePcmu(Int16Array.from({ length: packets * 160 }, (_, n) => 9_000 * Math.sin(pitch * n * (1 + n / 100_000)) + 500));
  const samples = new Int16Array(payload.length);
  decodePcmu(payload, samples, 0);
  return {
    samples,
    packets: Array.from({ length: packets }, (_, n) => encodeRtp({ payloadType: 0, sequenceNumber: n, timestamp: n * 160, ssrc: Math.round(pitch * 1_000), payload: payload.subarray(n * 160, (n + 1) * 160) })),
  };
}

t.test('calls are recorded of which the gateway is told as the rule says; what it cannot do is in the ledger', { timeout: 90_000 }, async (t) => {
  const double = await GatewayDouble.start(t);
  const workspace = await openWorkspace({
    anchor: { none: { header: { name: 'X-Record' }, captureWithinSeconds: 2, xmf: { gateways: [{ url: double.url }], listen: { port: await freePort() } } } },
    policy: { rules: [{ name: 'by-header', when: { callee: ['+49!'] }, record: 'always', tell: 'header' }, { name: 'private', when: { callee: ['+33!'] }, record: 'never' }] },
  });
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.stop());
  await until(async () => (await healthOf(workspace, 'anchor'))?.ok === true, 'the gateway has registered the product');
  const [gateway, caller] = [await openSip(workspace.nextHopPort), await openSip(0)];
  t.teardown(() => Promise.all([gateway.close(), caller.close()]));

  const came: { guid: string | undefined; record: string | undefined; sdp: string }[] = [];
  gateway.srf.invite((request, response) => {
    const guid = request.has('cisco-guid') ? readCiscoGuid(request.get('cisco-guid')) : undefined;
    came.push({ guid, record: request.has('x-record') ? request.get('x-record') : undefined, sdp: request.body });
    void gateway.srf.createUAS(request, response, { localSdp: sdpOf(40_002) });
    if (guid !== undefined) void double.connect('25', String(came.length), guid, 'incoming');
  });
  const call = (number: string, from: string): Promise<SipDialog> =>
    caller.srf.createUAC(`sip:${number}@${loopback}:${workspace.sipPort}`, { localSdp: sdpOf(40_000), headers: { From: `<sip:${from}@${loopback}>` } });
  const sessionOf = async (number: string): Promise<string> => (await listed(workspace)).find(({ callee }) => callee.includes(number))?.sessionId ?? '';

  const first = await call('+4420', 'ann');
  t.equal(came[0]?.sdp, sdpOf(40_000), 'media goes past us');
  t.equal(first.remote.sdp, sdpOf(40_002));
  await double.until(() => double.forks.has('1'));
  const voices = { near: speech(0.31), far: speech(0.47) };
  for (let n = 0; n < packets; n += 1) {
    for (const which of ['near', 'far'] as const) double.copy('1', which, voices[which].packets[n] ?? Buffer.alloc(0));
    await delay(20);
  }
  await hangUp(first);
  await until(() => Promise.resolve(double.forks.size === 0), 'the copies are ended');
  const sessionId = await sessionOf('+4420');
  await listedOnce(workspace, sessionId, 'complete');
  const { channels } = await recordingOf(workspace, sessionId);
  // What comes to the gateway by a call's incoming connection is the caller.
  t.equal(heldAboutMiddle(channels[0], voices.near.samples), packets * 160, 'the caller, every sample');
  t.equal(heldAboutMiddle(channels[1], voices.far.samples), packets * 160, 'the callee, every sample');

  double.forking = 'refused';
  const others = [await call('+4430', 'bob'), await call('+4930', 'cat'), await call('+3340', 'dan')];
  const lost = await sessionOf('+4430');
  await until(() => Promise.resolve(product.log().includes('the call goes on without its recording')), 'it is told');
  for (const dialog of others) await hangUp(dialog);
  t.match(came.slice(1).map(({ guid, record }) => [guid !== undefined, record !== undefined]), [[true, false], [false, true], [false, false]]);
  const byHeader = await sessionOf('+4930');
  t.equal(came[2]?.record, byHeader);
  await listedOnce(workspace, byHeader, 'lost');
  await listedOnce(workspace, lost, 'lost');
  t.match(product.log(), /refused media forking: media forking is not to be had/u);
});
