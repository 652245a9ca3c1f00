import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { encodeCryptoLine, encodeRtp, encodeTelephoneEvent, keySaltBytes, parseCryptoLine, SrtpReceiver, SrtpSender, srtpSuites, type CryptoLine, type SrtpSuite } from '../../media/index.js';
import { freePort } from '../../udp/free-port.fixture.js';
import { testAnchorContract } from '../anchor-contract.fixture.js';
import type { Anchor } from '../door.js';
import { audioOf, callBetween, mediaPeer, openRecorderPeer, rtp, sdpOf, sequenceOf } from '../media-peer.fixture.js';
import type { RtpengineSettings } from '../settings.js';
import { rtpengineIsInstalled, startDaemon } from './daemon.fixture.js';
import { openRtpengine } from './index.js';

const firstPort = 40_000 + (process.pid % 100) * 100;
const required = process.env['TWINTRACK_REQUIRE_PEERS'] === '1';
const skip = rtpengineIsInstalled() || required ? false : 'rtpengine is not installed (Debian: rtpengine-daemon)';

const keep = { address: '127.0.0.1', ports: [firstPort + 5_000, firstPort + 5_099] as [number, number], accelerator: 'auto' as const };

async function open(t: Test, ports: readonly number[], more: Partial<RtpengineSettings> = {}): Promise<{ anchor: Anchor; changes: string[] }> {
  const changes: string[] = [];
  const anchor = await openRtpengine({
    settings: { nodes: ports.map((port) => ({ host: '127.0.0.1', port, weight: 1 })), answerWithinMs: 1_000, pingMs: 60_000, decrypt: false, ...more },
    onChange: (name, up) => changes.push(`${name} ${up ? 'up' : 'down'}`),
    onCrash: assert.ifError,
  });
  t.teardown(() => anchor.close());
  return { anchor, changes };
}

t.test('a real rtpengine', { skip }, async (t) => {
  const daemon = await startDaemon(t, await freePort(), [firstPort, firstPort + 49]);
  testAnchorContract(t, { keeps: false, open: async (t) => (await open(t, [daemon.port])).anchor });
  void t.test('whose copies are kept', (t) => {
    testAnchorContract(t, { keeps: true, open: async (t) => (await open(t, [daemon.port], { keep })).anchor });
    t.end();
  });

  const secure = (port: number, suite: SrtpSuite, fill: number): string =>
    sdpOf(port, { more: [`a=crypto:1 ${suite} inline:${Buffer.alloc(keySaltBytes(suite), fill).toString('base64')}`] }).replace('RTP/AVP', 'RTP/SAVP');
  const keyed = (suite: SrtpSuite, fill: number): CryptoLine => ({ tag: 1, suite, keySalt: Buffer.alloc(keySaltBytes(suite), fill), sessionParameters: [] });

  // rtpengine 10.5 dies of the first packet without a cipher that it is to open.
  for (const suite of srtpSuites.filter((suite) => !suite.startsWith('NULL'))) {
    t.test(`SRTP in ${suite} is copied as it is sent; the offer holds its keys`, async (t) => {
      const { anchor } = await open(t, [daemon.port]);
      const call = anchor.openCall('s');
      const [caller, callee] = [await mediaPeer(t), await mediaPeer(t)];
      await call.exchange('caller', secure(caller.port, suite, 1));
      const forCaller = audioOf(await call.exchange('callee', secure(callee.port, suite, 2)));
      const offer = await call.recordingOffer();
      t.equal(offer?.holdsKeys, true);
      const { streams, answer } = await openRecorderPeer(t, ['a=rtcp-mux', `a=crypto:${encodeCryptoLine(keyed(suite, 3))}`]);
      await call.startFork(answer.replaceAll('RTP/AVP', 'RTP/SAVP'));
      const [protect, unprotect] = [new SrtpSender(keyed(suite, 1)), new SrtpReceiver(keyed(suite, 1))];
      for (let n = 1; n <= 3; n += 1) caller.send(protect.protectRtp(rtp(n)), forCaller.port);
      await Promise.all([callee.heard(3), streams[0].heard(3)]);
      t.strictSame(streams[0].came.map(({ bytes }) => bytes), callee.came.map(({ bytes }) => bytes));
      t.strictSame(streams[0].came.map(({ bytes }) => unprotect.unprotectRtp(bytes)), [rtp(1), rtp(2), rtp(3)]);
      t.strictSame(audioOf(offer?.sdp ?? '').crypto.map(parseCryptoLine), [keyed(suite, 1)]);
      await call.close();
    });
  }

  t.test('copies that are kept come in the suite of the parties, with their keys', async (t) => {
    const suite = 'AES_256_CM_HMAC_SHA1_80';
    const { anchor } = await open(t, [daemon.port], { keep });
    const call = anchor.openCall('s');
    const [caller, callee] = [await mediaPeer(t), await mediaPeer(t)];
    await call.exchange('caller', secure(caller.port, suite, 1));
    const forCaller = audioOf(await call.exchange('callee', secure(callee.port, suite, 2)));
    const [protect, unprotect] = [new SrtpSender(keyed(suite, 1)), new SrtpReceiver(keyed(suite, 1))];
    for (let n = 1; n <= 2; n += 1) caller.send(protect.protectRtp(rtp(n)), forCaller.port);
    await callee.heard(2);
    const offer = await call.recordingOffer();
    t.equal(offer?.holdsKeys, true);
    t.strictSame(audioOf(offer?.sdp ?? '').crypto.map(parseCryptoLine), [keyed(suite, 1)]);
    const { streams, answer } = await openRecorderPeer(t, ['a=rtcp-mux', `a=crypto:${encodeCryptoLine(keyed(suite, 3))}`]);
    await call.startFork(answer.replaceAll('RTP/AVP', 'RTP/SAVP'));
    caller.send(protect.protectRtp(rtp(3)), forCaller.port);
    await streams[0].heard(3);
    t.strictSame(streams[0].came.map(({ bytes }) => unprotect.unprotectRtp(bytes)), [rtp(1), rtp(2), rtp(3)], 'from the first packet on');
    await call.close();
  });

  t.test('of copies that are kept the keys that parties press are heard, and masked for the recorder', async (t) => {
    const { anchor } = await open(t, [daemon.port], { keep });
    const told: string[] = [];
    const call = anchor.openCall('s', { dtmfMasked: true, onDigit: (from, key) => told.push(`${from} ${key}`) });
    const [caller, callee] = [await mediaPeer(t), await mediaPeer(t)];
    const withEvents = (port: number): string => sdpOf(port, { more: ['a=rtpmap:101 telephone-event/8000'] }).replace('RTP/AVP 0', 'RTP/AVP 0 101');
    await call.exchange('caller', withEvents(caller.port));
    const forCaller = audioOf(await call.exchange('callee', withEvents(callee.port)));
    const pressed = (event: number): Buffer => encodeRtp({ payloadType: 101, sequenceNumber: 1, timestamp: 1, ssrc: 7, payload: encodeTelephoneEvent({ event, end: false, volume: 0, durationTicks: 160 }) });
    await call.recordingOffer();
    const { streams, answer } = await openRecorderPeer(t);
    await call.startFork(answer);
    caller.send(pressed(7), forCaller.port);
    await Promise.all([callee.heard(1), streams[0].heard(1)]);
    t.strictSame(callee.came[0]?.bytes, pressed(7));
    t.strictSame(streams[0].came[0]?.bytes, pressed(22), 'no key of a telephone');
    while (told.length === 0) await new Promise((resolve) => setImmediate(resolve));
    t.strictSame(told, ['caller 7']);
    await call.close();
  });

  t.test('where it is asked for, copies of SRTP are decrypted', async (t) => {
    for (const [ofAll, ofCall, clear] of [[true, undefined, true], [false, true, true], [true, false, false]] as const) {
      const { anchor } = await open(t, [daemon.port], { decrypt: ofAll });
      const call = anchor.openCall('s', { decrypt: ofCall });
      await call.exchange('caller', secure(4_000, 'AES_CM_128_HMAC_SHA1_80', 1));
      await call.exchange('callee', secure(5_000, 'AES_CM_128_HMAC_SHA1_80', 2));
      const offer = await call.recordingOffer();
      t.equal(offer?.holdsKeys, !clear, `by settings ${ofAll}, by rule ${String(ofCall)}`);
      t.equal(audioOf(offer?.sdp ?? '').protocol, clear ? 'RTP/AVP' : 'RTP/SAVP');
      await call.close();
    }
  });

  t.test('a recorder that takes no key of the call\'s suite gets nothing, and the parties hear each other', async (t) => {
    const { anchor } = await open(t, [daemon.port]);
    const suite = 'AES_256_CM_HMAC_SHA1_80';
    const call = anchor.openCall('s');
    const [caller, callee] = [await mediaPeer(t), await mediaPeer(t)];
    await call.exchange('caller', secure(caller.port, suite, 1));
    const forCaller = audioOf(await call.exchange('callee', secure(callee.port, suite, 2)));
    await call.recordingOffer();
    const { answer } = await openRecorderPeer(t, [`a=crypto:${encodeCryptoLine(keyed('AES_CM_128_HMAC_SHA1_80', 3))}`]);
    await t.rejects(call.startFork(answer.replaceAll('RTP/AVP', 'RTP/SAVP')), { code: 'SIPREC_UNUSABLE', message: /takes no SRTP in AES_256_CM_HMAC_SHA1_80/u });
    const protect = new SrtpSender(keyed(suite, 1));
    for (let n = 1; n <= 3; n += 1) caller.send(protect.protectRtp(rtp(n)), forCaller.port);
    await callee.heard(3);
    await call.close();
  });
});

t.test('of two rtpengines one dies: new calls go to the other, and it is told', { skip }, async (t) => {
  const [first, second] = [await startDaemon(t, await freePort(), [firstPort + 50, firstPort + 69]), await startDaemon(t, await freePort(), [firstPort + 70, firstPort + 99])];
  const { anchor, changes } = await open(t, [first.port, second.port]);
  await anchor.openCall('a').exchange('caller', sdpOf(4_000));
  await first.kill();
  const [caller, callee] = [await mediaPeer(t), await mediaPeer(t)];
  const calls = [anchor.openCall('b'), anchor.openCall('c'), anchor.openCall('d')];
  for (const call of calls) {
    const { forCaller } = await callBetween(call, caller, callee);
    t.ok(forCaller.port >= firstPort + 70, 'it is at the second');
  }
  t.strictSame(changes, [`127.0.0.1:${first.port} down`]);
  t.match(anchor.health(), { ok: true, detail: '1 of 2 rtpengines answer' });
  const { streams, answer } = await openRecorderPeer(t);
  const [call] = calls;
  const { forCaller } = await callBetween(call!, caller, callee);
  await call!.recordingOffer();
  await call!.startFork(answer);
  caller.send(rtp(1), forCaller.port);
  await streams[0].heard(1);
  t.strictSame(streams[0].came.map(sequenceOf), [1]);
});

t.test('where none answers a call is told so in time, and pings say when one is back', async (t) => {
  const port = await freePort();
  const { anchor, changes } = await open(t, [port], { pingMs: 100 });
  await t.rejects(anchor.openCall('s').exchange('caller', sdpOf(4_000)), { code: 'ANCHOR_UNREACHABLE', message: new RegExp(`127\\.0\\.0\\.1:${port} did not answer within 1000 ms`, 'u') });
  t.strictSame(changes, [`127.0.0.1:${port} down`]);
  t.equal(anchor.health().ok, false);
  const socket = createSocket('udp4').bind(port, '127.0.0.1');
  t.teardown(() => socket.close());
  await once(socket, 'listening');
  socket.on('message', (bytes, from) => socket.send(`${bytes.toString().split(' ')[0] ?? ''} {"result":"pong"}`, from.port, from.address));
  while (changes.length < 2) await once(socket, 'message');
  t.strictSame(changes[1], `127.0.0.1:${port} up`);
});

t.test('a question is repeated with the same cookie until it is answered; a refusal says why; what is no answer is left', async (t) => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  t.teardown(() => socket.close());
  await once(socket, 'listening');
  const { anchor } = await open(t, [socket.address().port]);
  const cookies: string[] = [];
  socket.on('message', (bytes, { port, address }) => {
    const [cookie = ''] = bytes.toString().split(' ');
    cookies.push(cookie);
    for (const junk of ['', 'x', `${cookie} `, `${cookie} {`, `${cookie} 5`, `${cookie} {"result":1}`, 'other {"result":"ok"}']) socket.send(junk, port, address);
    if (cookies.length === 3) socket.send(`${cookie} {"result":"error","error-reason":"Ran out of ports"}`, port, address);
  });
  await t.rejects(anchor.openCall('s').exchange('caller', sdpOf(4_000)), { code: 'ANCHOR_REFUSED', message: /"offer": Ran out of ports/u });
  t.equal(new Set(cookies).size, 1);
  t.equal(anchor.health().ok, true, 'it answers');
});
