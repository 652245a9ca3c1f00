import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { freePort } from '../../udp/free-port.fixture.js';
import { testAnchorContract } from '../anchor-contract.fixture.js';
import type { Anchor } from '../door.js';
import { audioOf, callBetween, mediaPeer, openRecorderPeer, rtp, sdpOf, sequenceOf } from '../media-peer.fixture.js';
import { rtpengineIsInstalled, startDaemon } from './daemon.fixture.js';
import { openRtpengine } from './index.js';

const firstPort = 40_000 + (process.pid % 100) * 100;
const required = process.env['TWINTRACK_REQUIRE_PEERS'] === '1';
const skip = rtpengineIsInstalled() || required ? false : 'rtpengine is not installed (Debian: rtpengine-daemon)';

async function open(t: Test, ports: readonly number[], more: { decrypt?: boolean; pingMs?: number } = {}): Promise<{ anchor: Anchor; changes: string[] }> {
  const changes: string[] = [];
  const anchor = await openRtpengine({
    settings: { nodes: ports.map((port) => ({ host: '127.0.0.1', port, weight: 1 })), answerWithinMs: 1_000, pingMs: 60_000, decrypt: false, ...more },
    onChange: (name, up) => changes.push(`${name} ${up ? 'up' : 'down'}`),
  });
  t.teardown(() => anchor.close());
  return { anchor, changes };
}

t.test('a real rtpengine', { skip }, async (t) => {
  const daemon = await startDaemon(t, await freePort(), [firstPort, firstPort + 49]);
  testAnchorContract(t, { keeps: false, open: async (t) => (await open(t, [daemon.port])).anchor });

  t.test('SRTP is copied under keys of rtpengine\'s, which the offer holds; decrypted where that is asked for', async (t) => {
    const secure = (port: number, fill: number): string =>
      sdpOf(port, { more: [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, fill).toString('base64')}`] }).replace('RTP/AVP', 'RTP/SAVP');
    for (const decrypt of [false, true]) {
      const { anchor } = await open(t, [daemon.port], { decrypt });
      const call = anchor.openCall('s');
      await call.exchange('caller', secure(4_000, 1));
      await call.exchange('callee', secure(5_000, 2));
      const offer = await call.recordingOffer();
      t.equal(offer?.holdsKeys, !decrypt);
      t.equal(audioOf(offer?.sdp ?? '').protocol, decrypt ? 'RTP/AVP' : 'RTP/SAVP');
      await call.close();
    }
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
