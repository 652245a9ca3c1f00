import { once } from 'node:events';
import { createConnection } from 'node:net';
import t, { type Test } from 'tap';
import type { Anchor, AnchoredCall } from '../door.js';
import { openRecorderPeer, rtp, sdpOf, sequenceOf, audioOf } from '../media-peer.fixture.js';
import { sipCiscoGuid } from '../../sip/index.js';
import { GatewayDouble } from './gateway-double.fixture.js';
import { openXmf } from './index.js';

const guid = '3fef1dc0f10911df80008ec1c0a8000a';
const header = sipCiscoGuid(guid);

interface Bed {
  readonly anchor: Anchor;
  /** What became of gateways, in words. */
  readonly changes: string[];
  readonly changed: (count: number) => Promise<void>;
}

async function open(t: Test, doubles: readonly GatewayDouble[], more: { tone?: boolean; answerWithinMs?: number; sources?: string[] } = {}): Promise<Bed> {
  const changes: string[] = [];
  const looks = new Set<() => void>();
  const anchor = await openXmf({
    settings: {
      gateways: doubles.map(({ url }) => ({ url, ...(more.sources === undefined ? {} : { sources: more.sources }) })),
      listen: { host: '127.0.0.1', port: 0, path: '/xmf' },
      name: 'twintrack', answerWithinMs: more.answerWithinMs ?? 2_000, tone: more.tone ?? false,
    },
    onChange: (url, up, reason) => {
      changes.push(`${up ? 'up' : 'down'}: ${reason.replace(url, 'it')}`);
      for (const look of looks) look();
    },
  });
  t.teardown(() => anchor.close());
  const changed = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (changes.length < count) return;
        looks.delete(look);
        resolve();
      };
      looks.add(look);
      look();
    });
  return { anchor, changes, changed };
}

/** Both parties' SDP passes; resolves with the recorder's offer. */
async function talk(call: AnchoredCall): Promise<string> {
  const [offer, answer] = [sdpOf(4_000), sdpOf(4_002)];
  if ((await call.exchange('caller', offer)) !== offer || (await call.exchange('callee', answer)) !== answer) throw new Error('an SDP was changed');
  return (await call.recordingOffer())?.sdp ?? '';
}

t.test('a call that came from a gateway: its outgoing connection is copied, what comes to it is what the callee says', async (t) => {
  const double = await GatewayDouble.start(t);
  const { anchor, changed } = await open(t, [double]);
  await changed(1);
  t.strictSame(anchor.health(), { ok: true, detail: '1 of 1 Cisco gateways have registered us' });
  const call = anchor.openCall('s', { came: { address: '127.0.0.1', ciscoGuid: header } });
  t.strictSame(call.headers, {}, 'it is known already');
  const offer = await talk(call);
  t.match([audioOf(offer), audioOf(offer, 1)], [{ label: '1', port: 4_000, direction: 'sendonly' }, { label: '2', port: 4_000, direction: 'sendonly' }], 'from where the gateway speaks');
  const { streams, answer } = await openRecorderPeer(t);
  await double.connect('25', '131', guid, 'incoming');
  const started = call.startFork(answer);
  await double.connect('25', '132', guid.toUpperCase(), 'outgoing');
  await started;
  t.match([...double.forks.values()], [{ callId: '25', connectionId: '132', tone: false }]);
  double.copy('132', 'far', rtp(1));
  double.copy('132', 'near', rtp(2, 9));
  await Promise.all(streams.map((stream) => stream.heard(1)));
  t.strictSame(streams.map(({ came }) => came.map(sequenceOf)), [[1], [2]]);
  await call.startFork(answer);
  t.equal(double.asked.filter((name) => name === 'requestxmfconnectionmediaforking').length, 1, 'what runs is not ordered again');
  await call.close();
  t.equal(double.forks.size, 0);
  t.equal(anchor.stats().calls, 0);
});

t.test('a call that goes to a gateway is told it with a GUID: its incoming connection is copied, what comes to it is what the caller says', async (t) => {
  const double = await GatewayDouble.start(t);
  const { anchor, changed } = await open(t, [double], { tone: true });
  await changed(1);
  for (const [n, came] of [{ address: '192.0.2.9' }, { address: '192.0.2.9', ciscoGuid: header }].entries()) {
    const call = anchor.openCall('s', { came });
    const given = call.headers?.['Cisco-Guid'];
    t.equal(given === undefined, n === 1, 'one that it has goes on as it is');
    const offer = await talk(call);
    t.equal(audioOf(offer).port, 4_002);
    const { streams, answer } = await openRecorderPeer(t);
    await double.connect('7', `1${n}`, given ?? header, 'incoming');
    await call.startFork(answer);
    t.match(double.forks.get(`1${n}`), { tone: true });
    double.copy(`1${n}`, 'near', rtp(1));
    double.copy(`1${n}`, 'far', rtp(2, 9));
    await Promise.all(streams.map((stream) => stream.heard(1)));
    t.strictSame(streams.map(({ came }) => came.map(sequenceOf)), [[1], [2]]);
    await double.disconnect('7', `1${n}`);
    await call.close();
  }
});

t.test('a pause ends the copies, and they go on with the next answer; keys go to the recorder as the parties have them', async (t) => {
  const double = await GatewayDouble.start(t);
  const { anchor, changed } = await open(t, [double]);
  await changed(1);
  const call = anchor.openCall('s', { came: { address: '127.0.0.1', ciscoGuid: header } });
  const line = (key: string): string => `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, key).toString('base64')}`;
  const srtp = (port: number, key: string): string => sdpOf(port, { more: [line(key)] }).replace('RTP/AVP', 'RTP/SAVP');
  await call.exchange('caller', srtp(4_000, 'a'));
  await call.exchange('callee', srtp(4_002, 'b'));
  const offer = await call.recordingOffer();
  t.equal(offer?.holdsKeys, true);
  t.match([audioOf(offer?.sdp ?? ''), audioOf(offer?.sdp ?? '', 1)], [{ protocol: 'RTP/SAVP', crypto: [line('a').slice('a=crypto:'.length)] }, { crypto: [line('b').slice('a=crypto:'.length)] }]);
  const { answer } = await openRecorderPeer(t);
  await double.connect('25', '132', guid, 'outgoing');
  await call.startFork(answer);
  await call.pauseFork();
  t.equal(double.forks.size, 0);
  t.equal(audioOf((await call.recordingOffer())?.sdp ?? '').direction, 'inactive');
  await call.startFork(answer);
  t.equal(double.forks.size, 0);
  await call.resumeFork();
  await call.startFork(answer);
  t.equal(double.forks.size, 1);
});

t.test('what cannot be had is said: a second copy, masked keys, sounds, IPv6, one party alone', async (t) => {
  const double = await GatewayDouble.start(t);
  const { anchor, changed } = await open(t, [double], { answerWithinMs: 200 });
  await changed(1);
  const call = anchor.openCall('s', { came: { address: '127.0.0.1', ciscoGuid: header } });
  await talk(call);
  const { answer } = await openRecorderPeer(t);
  await t.rejects(call.openFork(['caller']).recordingOffer(), { code: 'ANCHOR_REFUSED', message: /one copy of a call/ });
  await t.rejects(call.startFork(answer), { code: 'ANCHOR_UNREACHABLE', message: new RegExp(`no Cisco gateway has told of this call within 200 ms of its answer \\(Cisco-Guid ${guid}\\)`, 'u') });
  await t.rejects(call.startFork(answer.replace(/c=IN IP4 \S+/u, 'c=IN IP6 ::1')), { code: 'SIPREC_UNUSABLE', message: /IPv6/ });
  await t.rejects(call.startFork(answer.replace(/m=audio \d+/u, 'm=audio 0')), { code: 'SIPREC_UNUSABLE', message: /both parties/ });
  await t.rejects(call.startFork('v=0'), { code: 'SIPREC_UNUSABLE' });
  await t.rejects(call.exchange('caller', sdpOf(4_000).replace('m=audio 4000', 'm=audio 99999')), { code: 'SDP_UNUSABLE' });
  t.strictSame(await call.play({ to: ['caller'] } as never).ended, { caller: 'anchor' });
  const masked = anchor.openCall('m', { dtmfMasked: true });
  await masked.exchange('caller', sdpOf(4_000));
  await masked.exchange('callee', sdpOf(4_002));
  await t.rejects(masked.recordingOffer(), { code: 'ANCHOR_REFUSED', message: /keys that parties press/ });
});

t.test('a gateway that refuses, or cannot set it up, is a failure; one that says nothing of it has done it', async (t) => {
  const double = await GatewayDouble.start(t);
  const { anchor, changed } = await open(t, [double], { answerWithinMs: 300 });
  await changed(1);
  await double.connect('25', '132', guid, 'outgoing');
  const call = anchor.openCall('s', { came: { address: '127.0.0.1', ciscoGuid: header } });
  await talk(call);
  const { answer } = await openRecorderPeer(t);
  double.forking = 'refused';
  await t.rejects(call.startFork(answer), { code: 'ANCHOR_REFUSED', message: /refused media forking: media forking is not to be had/ });
  double.forking = 'failed';
  await t.rejects(call.startFork(answer), { code: 'ANCHOR_REFUSED', message: /could not set up media forking/ });
  double.forking = 'silent';
  await call.startFork(answer);
  await double.stop();
  await call.stopFork();
});

t.test('the registration is kept: probes are answered, and it is made anew when the gateway leaves, forgets it or falls silent', async (t) => {
  const double = await GatewayDouble.start(t);
  double.registers = false;
  const { anchor, changes, changed } = await open(t, [double]);
  await changed(1);
  t.equal(anchor.health().ok, false);
  double.registers = true;
  await changed(2);
  const first = double.registrationId;
  t.match(await double.probe(7), /^200 .*<ResponseXmfProbing.*<transactionID>546CF8:25<.*<registrationID>4CA5E4:XMF:twintrack:1<.*<sequence>7</su);
  await double.connect('25', '132', guid, 'outgoing');
  t.match(await double.leave(), /^200 .*ResponseXmfProviderUnRegister/su);
  await double.until(() => double.registrationId !== first);
  await changed(4);
  const second = double.registrationId;
  await double.probe(1, { registered: false });
  await double.until(() => double.registrationId !== second);
  await changed(6);
  const third = double.registrationId;
  await double.probe(1, { interval: 'PT1S' });
  await double.until(() => double.registrationId !== third);
  await changed(8);
  const fourth = double.registrationId;
  await double.status('SHUTDOWN');
  await double.until(() => double.registrationId !== fourth);
  t.match(changes.filter((change) => change.startsWith('down')), [
    'down: it does not register us: the application is not configured', 'down: it does not serve us any more', 'down: it has forgotten that we are registered', 'down: it has not probed us for 3 s', 'down: it is out of service',
  ]);
  await changed(10);
  await anchor.close();
  t.equal(double.asked.at(-1), 'requestxmfunregister');
});

t.test('a gateway that comes back says so, and is not waited for', async (t) => {
  const double = await GatewayDouble.start(t);
  const { changes, changed } = await open(t, [double]);
  await changed(1);
  const id = double.registrationId;
  double.registers = false;
  await double.leave();
  await changed(2);
  await double.until(() => double.asked.filter((name) => name === 'requestxmfregister').length >= 2);
  double.registers = true;
  double.registrationId = '';
  await double.probe(1, { registered: false });
  await changed(3);
  t.not(double.registrationId, id);
  t.match(changes, ['up: it has registered us', 'down: it does not serve us any more', 'up: it has registered us']);
});

t.test('strangers are not read, nor what is no message', async (t) => {
  const double = await GatewayDouble.start(t);
  const { anchor, changed } = await open(t, [double]);
  await changed(1);
  const { applicationUrl } = double;
  const post = async (body: string, url = applicationUrl, method = 'POST') => (await fetch(url, { method, ...(method === 'POST' ? { body } : {}) })).status;
  t.strictSame([await post('no'), await post('<a/>'), await post('x', `${applicationUrl}x`), await post('', applicationUrl, 'GET'), await post('x'.repeat(70_000))], [400, 400, 404, 404, 413]);
  await anchor.close();
  const stranger = await GatewayDouble.start(t);
  const other = await open(t, [stranger], { sources: ['192.0.2.1'] });
  await other.changed(1);
  t.match(await stranger.probe(1), /^403/u);
});

t.test('a gateway that hangs in the middle of its message is cut off when we close', async (t) => {
  const double = await GatewayDouble.start(t);
  const { anchor, changed } = await open(t, [double]);
  await changed(1);
  const socket = createConnection(Number(new URL(double.applicationUrl).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('POST /xmf HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n<a');
  const gone = once(socket, 'close');
  await anchor.close();
  await gone;
  t.pass('it is closed');
});

t.test('an address that is taken is said', async (t) => {
  const double = await GatewayDouble.start(t);
  const port = Number(new URL(double.url).port);
  await t.rejects(
    openXmf({ settings: { gateways: [{ url: double.url }], listen: { host: '127.0.0.1', port, path: '/xmf' }, name: 'a', answerWithinMs: 100, tone: false }, onChange: () => undefined }),
    { code: 'HTTP_LISTEN', message: new RegExp(`Cisco gateways tell cannot be heard on 127\\.0\\.0\\.1:${port}`, 'u') },
  );
});
