import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { encodeRtcp, encodeRtp, encodeTelephoneEvent } from '../../media/index.js';
import type { RelayPackets } from '../door.js';
import { audioOf, callBetween, loopback, MediaPeer as Peer, mediaPeer as peer, openRecorderPeer as recorder, rtp, sdpOf } from '../media-peer.fixture.js';
import type { RelaySettings } from '../settings.js';
import { relayIn, type Relay } from './index.js';
import { LocalThread } from './local-thread.fixture.js';

const firstPort = 30_000 + (process.pid % 300) * 100;

/** Counts as they are when they are read. */
interface Counted {
  readonly relayed: RelayPackets['relayed'];
  readonly dropped: RelayPackets['dropped'];
}

const bye = encodeRtcp([{ type: 'RR', ssrc: 7, reports: [], profileExtension: Buffer.alloc(0) }]);

/** All up to there is written (RFC 3550 §6.4.2). */
const confirm = (highest: number): Buffer =>
  encodeRtcp([{ type: 'RR', ssrc: 9, reports: [{ ssrc: 7, fractionLost: 0, cumulativeLost: 0, extendedHighest: highest, jitterTicks: 0, lastSenderReport: 0, delaySinceLastSenderReport: 0 }], profileExtension: Buffer.alloc(0) }]);

/** What the relay does, whichever way its packets travel. */
function testRelay(t: Test, accelerator: 'auto' | 'off'): void {
  async function relay(t: Test, pairs = 40, publicAddress?: string, more: Partial<RelaySettings> = {}): Promise<{ anchor: Relay; thread: LocalThread; counted: Counted }> {
    const thread = await LocalThread.open(accelerator);
    const anchor = relayIn([thread], { address: loopback, publicAddress, ports: [firstPort, firstPort + pairs * 2 - 1], accelerator, ...more });
    t.teardown(() => anchor.close());
    const counts = (): RelayPackets => anchor.packets();
    return {
      anchor, thread,
      counted: {
        get relayed() {
          return counts().relayed;
        },
        get dropped() {
          return counts().dropped;
        },
      },
    };
  }

  void t.test('both directions pass byte for byte, RTP and RTCP', async (t) => {
    const { anchor, counted } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const { forCaller, forCallee } = await callBetween(call, caller, callee, ['a=x-of-the-maker:1']);
    t.match([forCaller.address, forCallee.address], [loopback, loopback]);
    t.not(forCaller.port, forCallee.port);
    caller.send(rtp(1), forCaller.port);
    callee.send(rtp(2), forCallee.port);
    await Promise.all([caller.heard(1), callee.heard(1)]);
    t.strictSame(callee.came[0]?.bytes, rtp(1));
    t.strictSame(caller.came[0]?.bytes, rtp(2));
    t.strictSame([callee.came[0]?.port, caller.came[0]?.port], [forCallee.port, forCaller.port], 'symmetric RTP (RFC 4961)');
    t.strictSame([counted.relayed, counted.dropped], [{ caller: 1, callee: 1 }, { 'no-target': 0, 'unknown-source': 0, 'queue-full': 0, 'send-failed': 0 }]);
  });

  void t.test('behind a NAT the SDPs name its outer address, for parties and recorder, and the sockets are those of this machine', async (t) => {
    const { anchor } = await relay(t, 40, '192.0.2.7');
    const [caller, callee] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const { forCaller, forCallee } = await callBetween(call, caller, callee);
    t.match([forCaller.address, forCallee.address], ['192.0.2.7', '192.0.2.7']);
    t.equal(audioOf((await call.recordingOffer())?.sdp ?? '').address, '192.0.2.7');
    caller.send(rtp(1), forCaller.port);
    t.strictSame((await callee.heard(1)).length, 1);
  });

  void t.test('several local addresses: each party is reached by its own network, the recorder by the first, IPv4 beside IPv6', async (t) => {
    const ports: [number, number] = [firstPort, firstPort + 79];
    const { anchor } = await relay(t, 40, undefined, {
      networks: [
        { name: 'six', address: '::1', ports },
        { name: 'behind-nat', address: '127.0.0.3', publicAddress: '192.0.2.9', ports },
      ],
    });
    const inner = createSocket('udp6').bind(0, '::1');
    await once(inner, 'listening');
    t.teardown(() => inner.close());
    const [caller, callee] = [await peer(t), new Peer(inner)];
    const call = anchor.openCall('s', { networks: { caller: 'behind-nat', callee: 'six' } });
    const forCallee = audioOf(await call.exchange('caller', sdpOf(caller.port)));
    const forCaller = audioOf(await call.exchange('callee', sdpOf(callee.port).replaceAll(`IP4 ${loopback}`, 'IP6 ::1')));
    t.match([forCallee.address, forCaller.address], ['::1', '192.0.2.9']);
    caller.socket.send(rtp(1), forCaller.port, '127.0.0.3');
    await callee.heard(1);
    inner.send(rtp(2), forCallee.port, '::1');
    await caller.heard(1);
    t.strictSame([callee.came, caller.came].map((came) => came.map(({ bytes }) => bytes)), [[rtp(1)], [rtp(2)]]);
    const { streams, answer } = await recorder(t);
    t.equal(audioOf((await call.recordingOffer())?.sdp ?? '').address, loopback);
    await call.startFork(answer);
    await Promise.all(streams.map((stream) => stream.heard(1)));
    const { freePortPairs = 0 } = anchor.stats();
    await call.close();
    t.equal(anchor.stats().freePortPairs, freePortPairs + 4, 'each gives back to where it took from');
    t.match(anchor.health(), { ok: true });
  });

  void t.test('networks that share an address and a range share its ports', async (t) => {
    const ports: [number, number] = [firstPort, firstPort + 79];
    const { anchor } = await relay(t, 40, undefined, { networks: [{ name: 'nat', address: loopback, publicAddress: '192.0.2.9', ports }] });
    t.equal(anchor.stats().freePortPairs, 40);
  });

  void t.test('of a call in which nothing comes from either party any more it is told, and again; not before both are known, nor while one is on hold', async (t) => {
    const { anchor, thread } = await relay(t, 40, undefined, { mediaTimeoutSeconds: 5 });
    const [caller, callee] = [await peer(t), await peer(t)];
    let told = 0;
    const call = anchor.openCall('s', { onSilent: () => (told += 1) });
    const listenAt = (...times: number[]): number => {
      for (const at of times) thread.look(at);
      return told;
    };
    t.equal(listenAt(0, 10_000, 20_000), 0);
    const { forCaller } = await callBetween(call, caller, callee);
    t.equal(listenAt(21_000, 24_999), 0);
    t.equal(listenAt(25_000, 29_999), 1);
    t.equal(listenAt(30_000), 2);
    caller.send(bye, forCaller.port);
    await callee.heard(1);
    t.equal(listenAt(35_999, 40_998), 2, 'RTCP is a sign of life too');
    t.equal(listenAt(40_999), 3);
    await call.exchange('caller', sdpOf(caller.port, { more: ['a=sendonly'] }));
    await call.exchange('callee', sdpOf(callee.port, { more: ['a=recvonly'] }));
    t.equal(listenAt(41_000, 100_000, 200_000), 3, 'on hold there may be silence');
  });

  void t.test('RTCP goes to the port that the SDP names, and from port to port', async (t) => {
    const { anchor } = await relay(t);
    const [caller, callee, callerRtcp, calleeRtcp] = [await peer(t), await peer(t), await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const forCallee = audioOf(await call.exchange('caller', sdpOf(caller.port, { more: [`a=rtcp:${callerRtcp.port}`] })));
    const forCaller = audioOf(await call.exchange('callee', sdpOf(callee.port, { more: [`a=rtcp:${calleeRtcp.port}`] })));
    t.equal(forCallee.rtcpPort, forCallee.port + 1);
    callerRtcp.send(bye, forCaller.rtcpPort);
    calleeRtcp.send(bye, forCallee.rtcpPort);
    await Promise.all([callerRtcp.heard(1), calleeRtcp.heard(1)]);
    t.strictSame([callerRtcp.came[0]?.bytes, calleeRtcp.came[0]?.bytes], [bye, bye]);
  });

  void t.test('under rtcp-mux RTCP stays on the port of RTP', async (t) => {
    const { anchor } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const { forCaller } = await callBetween(anchor.openCall('s'), caller, callee, ['a=rtcp-mux']);
    caller.send(bye, forCaller.port);
    await callee.heard(1);
    t.strictSame(callee.came[0]?.bytes, bye);
  });

  void t.test('a side is where its packets come from, and strangers are not heard', async (t) => {
    const { anchor, counted } = await relay(t);
    const [signalled, behindNat, callee, stranger] = [await peer(t), await peer(t), await peer(t), await peer(t)];
    const { forCaller, forCallee } = await callBetween(anchor.openCall('s'), signalled, callee);
    callee.send('before', forCallee.port);
    t.strictSame(await signalled.heard(1), ['before'], 'until it speaks it is where its SDP says');
    behindNat.send('one', forCaller.port);
    await callee.heard(1);
    stranger.send('stranger', forCaller.port);
    signalled.send('too late', forCaller.port);
    behindNat.send('two', forCaller.port);
    t.strictSame(await callee.heard(2), ['one', 'two']);
    callee.send('after', forCallee.port);
    t.strictSame(await behindNat.heard(1), ['after']);
    t.equal(counted.dropped['unknown-source'], 2);
  });

  void t.test('a re-INVITE with the same SDP leaves the latch, one with another opens it', async (t) => {
    const { anchor, counted } = await relay(t);
    const [caller, nat, callee, moved] = [await peer(t), await peer(t), await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const { forCaller, forCallee } = await callBetween(call, caller, callee);
    nat.send('one', forCaller.port);
    await callee.heard(1);
    const again = audioOf(await call.exchange('caller', sdpOf(caller.port)));
    t.strictSame([again.port, again.rtcpPort], [forCallee.port, forCallee.rtcpPort], 'the anchor stays where it is');
    callee.send('to the latch', forCallee.port);
    t.strictSame(await nat.heard(1), ['to the latch']);
    await call.exchange('caller', sdpOf(moved.port));
    callee.send('to the new place', forCallee.port);
    t.strictSame(await moved.heard(1), ['to the new place']);
    moved.send('two', forCaller.port);
    await callee.heard(2);
    nat.send('from the old', forCaller.port);
    moved.send('three', forCaller.port);
    t.strictSame(await callee.heard(3), ['one', 'two', 'three']);
    t.equal(counted.dropped['unknown-source'], 1);
  });

  void t.test('RFC 2543 hold: nothing is sent to 0.0.0.0, its music is heard all along, and the call comes back', async (t) => {
    const { anchor, counted } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const { forCaller, forCallee } = await callBetween(call, caller, callee);
    const held = await call.exchange('caller', sdpOf(caller.port, { address: '0.0.0.0' }));
    t.match(held, /c=IN IP4 0\.0\.0\.0/);
    for (const word of ['music 1', 'music 2', 'music 3']) caller.send(word, forCaller.port);
    t.strictSame(await callee.heard(3), ['music 1', 'music 2', 'music 3']);
    callee.send('into the void', forCallee.port);
    while (counted.dropped['no-target'] !== 1) await new Promise((resolve) => setImmediate(resolve));
    await call.exchange('caller', sdpOf(caller.port));
    callee.send('back', forCallee.port);
    t.strictSame(await caller.heard(1), ['back']);
    t.notOk(counted.dropped['unknown-source']);
  });

  void t.test('before a side\'s SDP is known nothing is taken from it or sent to it', async (t) => {
    const { anchor, counted } = await relay(t);
    const [caller, early] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const forCallee = audioOf(await call.exchange('caller', sdpOf(caller.port)));
    early.send('who am I?', forCallee.port);
    while (counted.dropped['unknown-source'] !== 1) await new Promise((resolve) => setImmediate(resolve));
    t.equal(caller.came.length, 0);
  });

  void t.test('what comes before the recorder has answered is kept, and goes first, in order', async (t) => {
    const { anchor } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const { forCaller, forCallee } = await callBetween(call, caller, callee);
    for (let n = 0; n < 50; n += 1) caller.send(rtp(n), forCaller.port);
    callee.send(rtp(200), forCallee.port);
    await Promise.all([callee.heard(50), caller.heard(1)]);
    const { streams, answer } = await recorder(t);
    const offer = await call.recordingOffer();
    t.match(offer, { holdsKeys: false });
    t.match([audioOf(offer!.sdp, 0), audioOf(offer!.sdp, 1)], [{ label: '1', direction: 'sendonly', lossSummaries: true }, { label: '2', direction: 'sendonly', lossSummaries: true }]);
    await call.startFork(answer);
    for (let n = 50; n < 60; n += 1) caller.send(rtp(n), forCaller.port);
    await Promise.all([streams[0].heard(60), streams[1].heard(1)]);
    t.strictSame(streams[0].came.map(({ bytes }) => bytes.readUInt16BE(2)), Array.from({ length: 60 }, (_, n) => n));
    t.equal(streams[0].came[0]?.port, audioOf(offer!.sdp, 0).port, 'it comes from where the offer says');
    t.strictSame(streams[1].came[0]?.bytes, rtp(200));
  });

  void t.test('of more than the bound the oldest are dropped and counted, and all that was kept arrives although it goes at once', async (t) => {
    const { anchor, counted } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const { forCaller } = await callBetween(call, caller, callee);
    for (let n = 0; n < 620; n += 1) {
      caller.send(rtp(n), forCaller.port);
      if (n % 20 === 19) await callee.heard(n + 1);
    }
    t.equal(counted.dropped['queue-full'], 20);
    // A recorder with the buffer that the system gives.
    const plain = createSocket('udp4').bind(0, loopback);
    await once(plain, 'listening');
    t.teardown(() => plain.close());
    const stream = new Peer(plain);
    await call.startFork(['v=0', `c=IN IP4 ${loopback}`, 't=0 0', `m=audio ${stream.port} RTP/AVP 0`, 'a=rtcp-mux', ''].join('\r\n'));
    await stream.heard(600);
    caller.send(rtp(999), forCaller.port);
    await stream.heard(601);
    t.strictSame(stream.came.map(({ bytes }) => bytes.readUInt16BE(2)), [...Array.from({ length: 600 }, (_, n) => n + 20), 999]);
  });

  void t.test('that nobody listens at the recorder any more is told within half a second, once, and another gets what the first had not confirmed', async (t) => {
    const { anchor } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const { forCaller } = await callBetween(call, caller, callee);
    const troubles: { trouble: string; atMs: number }[] = [];
    call.watchFork((trouble) => troubles.push({ trouble, atMs: performance.now() }));
    const gone = createSocket('udp4').bind(0, loopback);
    await once(gone, 'listening');
    const first = new Peer(gone);
    await call.startFork(['v=0', `c=IN IP4 ${loopback}`, 't=0 0', `m=audio ${first.port} RTP/AVP 0`, 'a=rtcp-mux', ''].join('\r\n'));
    for (const n of [1, 2, 3]) caller.send(rtp(n), forCaller.port);
    await first.heard(3);
    gone.send(confirm(2), first.came[0]?.port ?? 0, loopback);
    // It is heard before what is sent behind it.
    gone.send(confirm(2), first.came[0]?.port ?? 0, loopback, () => gone.close());
    await once(gone, 'close');
    const goneAtMs = performance.now();
    let n = 3;
    while (!troubles.some(({ trouble }) => trouble === 'port-unreachable') && n < 60) {
      caller.send(rtp((n += 1)), forCaller.port);
      await callee.heard(n);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    t.match(troubles.at(-1), { trouble: 'port-unreachable' });
    t.ok((troubles.at(-1)?.atMs ?? Infinity) - goneAtMs < 500, `after ${Math.round((troubles.at(-1)?.atMs ?? 0) - goneAtMs)} ms`);
    const told = troubles.length;
    await call.detachFork();
    caller.send(rtp((n += 1)), forCaller.port);
    await callee.heard(n);
    const second = await peer(t);
    await call.startFork(['v=0', `c=IN IP4 ${loopback}`, 't=0 0', `m=audio ${second.port} RTP/AVP 0`, 'a=rtcp-mux', ''].join('\r\n'));
    caller.send(rtp((n += 1)), forCaller.port);
    await second.heard(n - 2);
    t.strictSame(second.came.map(({ bytes }) => bytes.readUInt16BE(2)), Array.from({ length: n - 2 }, (_, at) => at + 3));
    t.equal(troubles.length, told);
  });

  void t.test('a fork that is stopped before there is audio takes no port and offers nothing', async (t) => {
    const { anchor } = await relay(t, 5);
    const call = anchor.openCall('s');
    await call.stopFork();
    const one = call.openFork(['caller']);
    await callBetween(call, await peer(t), await peer(t));
    t.equal(anchor.stats().freePortPairs, 2);
    t.equal(await call.recordingOffer(), undefined);
    t.match(await one.recordingOffer(), { sdp: /m=audio/u });
    await call.close();
  });

  void t.test('RTCP of a direction is copied too: to its own port, or to that of RTP', async (t) => {
    const { anchor } = await relay(t);
    for (const mux of [true, false]) {
      const [caller, callee, rtcp] = [await peer(t), await peer(t), await peer(t)];
      const call = anchor.openCall('s');
      const { forCaller } = await callBetween(call, caller, callee);
      const stream = await peer(t);
      await call.startFork(['v=0', `c=IN IP4 ${loopback}`, `m=audio ${stream.port} RTP/AVP 0`, mux ? 'a=rtcp-mux' : `a=rtcp:${rtcp.port}`, ''].join('\r\n'));
      caller.send(bye, forCaller.rtcpPort);
      const goal = mux ? stream : rtcp;
      await goal.heard(1);
      t.strictSame(goal.came[0]?.bytes, bye);
    }
  });

  void t.test('a fork to a dead port, or to a recorder that refused, harms nothing', async (t) => {
    const { anchor, counted } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const { forCaller } = await callBetween(call, caller, callee);
    const dead = createSocket('udp4').bind(0, loopback);
    await once(dead, 'listening');
    const { port } = dead.address();
    dead.close();
    await once(dead, 'close');
    await call.startFork(['v=0', `c=IN IP4 ${loopback}`, `m=audio ${port} RTP/AVP 0`, `m=audio 0 RTP/AVP 0`, ''].join('\r\n'));
    for (let n = 0; n < 30; n += 1) {
      caller.send(rtp(n), forCaller.port);
      await callee.heard(n + 1);
    }
    t.equal(counted.relayed.caller, 30);
    await t.rejects(call.startFork('nonsense'), { code: 'SIPREC_UNUSABLE' });
    caller.send('still there', forCaller.port);
    await callee.heard(31);
  });

  void t.test('after the fork is stopped nothing more is copied, and the call goes on', async (t) => {
    const { anchor } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const { forCaller } = await callBetween(call, caller, callee);
    const { streams, answer } = await recorder(t);
    await call.startFork(answer);
    caller.send(rtp(1), forCaller.port);
    await streams[0].heard(1);
    await call.stopFork();
    caller.send(rtp(2), forCaller.port);
    await callee.heard(2);
    await call.startFork(answer);
    caller.send(rtp(3), forCaller.port);
    await streams[0].heard(2);
    t.strictSame(streams[0].came.map(({ bytes }) => bytes.readUInt16BE(2)), [1, 3]);
  });

  void t.test('T.38: after the switch-over packets pass as before and are not copied; after the switch back they are', async (t) => {
    const { anchor } = await relay(t);
    const [caller, callee, recorder] = [await peer(t), await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const { forCaller } = await callBetween(call, caller, callee);
    await call.recordingOffer();
    await call.startFork(['v=0', `o=- 1 1 IN IP4 ${loopback}`, 's=-', `c=IN IP4 ${loopback}`, 't=0 0', `m=audio ${recorder.port} RTP/AVP 0`, `m=audio ${recorder.port} RTP/AVP 0`, ''].join('\r\n'));
    const fax = (port: number): string => sdpOf(port).replace(/m=.*/, `m=image ${port} udptl t38`);
    const offered = await call.exchange('callee', fax(callee.port));
    t.match(offered, `m=image ${forCaller.port} udptl t38`, 'the relay stays in between');
    await call.exchange('caller', fax(caller.port));
    t.equal(await call.recordingOffer(), undefined, 'a fax is nothing to record');
    caller.send('fax', forCaller.port);
    t.strictSame(await callee.heard(1), ['fax']);
    await call.exchange('caller', sdpOf(caller.port));
    await call.exchange('callee', sdpOf(callee.port));
    caller.send(rtp(1), forCaller.port);
    await recorder.heard(1);
    t.strictSame(recorder.came[0]?.bytes, rtp(1));
  });

  void t.test('there is no recording offer before both sides are known, without audio, or without a codec in common', async (t) => {
    const { anchor } = await relay(t);
    const call = anchor.openCall('s');
    t.equal(await call.recordingOffer(), undefined);
    await call.exchange('caller', sdpOf(4_000));
    t.equal(await call.recordingOffer(), undefined);
    await call.exchange('callee', sdpOf(5_000).replace('AVP 0', 'AVP 8'));
    t.equal(await call.recordingOffer(), undefined);
    await call.exchange('callee', sdpOf(5_000));
    t.ok(await call.recordingOffer());
    await call.exchange('callee', sdpOf(0));
    t.equal(await call.recordingOffer(), undefined);
    const video = anchor.openCall('v');
    for (const side of ['caller', 'callee'] as const) await video.exchange(side, sdpOf(4_000).replace('m=audio', 'm=video'));
    t.equal(await video.recordingOffer(), undefined);
  });

  void t.test('each offer of a session has a higher version, and keys are told', async (t) => {
    const { anchor } = await relay(t);
    const call = anchor.openCall('s');
    const secure = (port: number, fill: number): string =>
      sdpOf(port, { more: [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, fill).toString('base64')}`] }).replace('RTP/AVP', 'RTP/SAVP');
    await call.exchange('caller', secure(4_000, 1));
    await call.exchange('callee', secure(5_000, 2));
    const offers = [await call.recordingOffer(), await call.recordingOffer()];
    t.match(offers, [{ holdsKeys: true }, { holdsKeys: true }]);
    const origins = offers.map((offer) => /^o=- (\d+) (\d+)/m.exec(offer!.sdp)!);
    t.equal(origins[0]![1], origins[1]![1]);
    t.strictSame(origins.map((origin) => Number(origin[2])), [1, 2]);
    t.match(audioOf(offers[0]!.sdp, 0).crypto[0], Buffer.alloc(30, 1).toString('base64'));
  });

  void t.test('each media line passes on its own; what is refused or no datagrams keeps its place and its address', async (t) => {
    const { anchor } = await relay(t);
    const [audio, video] = [[await peer(t), await peer(t)], [await peer(t), await peer(t)]] as const;
    const sdp = (side: number): string =>
      ['v=0', `c=IN IP4 ${loopback}`, `m=audio ${audio[side]!.port} RTP/AVP 0`, 'm=text 0 RTP/AVP 98', `m=video ${video[side]!.port} RTP/AVP 99`, 'm=message 2855 TCP/MSRP *', ''].join('\r\n');
    const call = anchor.openCall('s');
    await call.exchange('caller', sdp(0));
    const forCaller = await call.exchange('callee', sdp(1));
    t.strictSame([1, 3].map((index) => audioOf(forCaller, index).port), [0, 2_855]);
    audio[0].send('sound', audioOf(forCaller, 0).port);
    video[0].send('picture', audioOf(forCaller, 2).port);
    t.strictSame(await audio[1].heard(1), ['sound']);
    t.strictSame(await video[1].heard(1), ['picture']);
  });

  void t.test('close gives all ports back, also while an exchange is under way', async (t) => {
    const { anchor } = await relay(t, 10);
    const free = anchor.stats().freePortPairs ?? 0;
    const call = anchor.openCall('s');
    await call.exchange('caller', sdpOf(4_000));
    t.match(anchor.stats(), { calls: 1, freePortPairs: free - 4 }, 'two faces and two forks');
    await Promise.all([call.close(), call.close()]);
    t.strictSame(anchor.stats(), { calls: 0, freePortPairs: free });
    await t.rejects(call.exchange('callee', sdpOf(5_000)), { code: 'SDP_UNUSABLE' });
    const hasty = anchor.openCall('h');
    const exchange = hasty.exchange('caller', sdpOf(4_000)).catch((error: unknown) => error);
    await hasty.close();
    await exchange;
    t.strictSame(anchor.stats(), { calls: 0, freePortPairs: free });
  });

  void t.test('when the ports run out a call is refused and keeps none of them', async (t) => {
    for (const pairs of [2, 3]) {
      const { anchor } = await relay(t, pairs);
      const call = anchor.openCall('s');
      if (pairs === 2) {
        const outcome = await call.exchange('caller', sdpOf(4_000)).catch((error: unknown) => error);
        if (typeof outcome === 'string') await t.rejects(call.exchange('callee', sdpOf(5_000)).then(() => call.recordingOffer()), { code: 'PORTS_EXHAUSTED' });
        else t.match(outcome, { code: 'PORTS_EXHAUSTED' });
      } else {
        await call.exchange('caller', sdpOf(4_000)).catch((error: unknown) => t.match(error, { code: 'PORTS_EXHAUSTED' }));
      }
      await call.close();
      t.strictSame(anchor.stats(), { calls: 0, freePortPairs: pairs });
      await anchor.close();
    }
  });

  void t.test('an SDP that cannot be relayed is a failure that says whose it was', async (t) => {
    const { anchor } = await relay(t);
    const call = anchor.openCall('s');
    await t.rejects(call.exchange('caller', 'nonsense'), { code: 'SDP_UNUSABLE', message: /of the caller cannot be read: malformed/ });
    await t.rejects(call.exchange('callee', sdpOf(4_000) + 'm=audio 4002 RTP/AVP 0\r\n'.repeat(8)), { code: 'SDP_UNUSABLE', message: /9 media lines/ });
    const noMedia = 'v=0\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n';
    t.equal(await call.exchange('caller', noMedia), noMedia);
  });

  void t.test('an SDP without an address is served when its side speaks', async (t) => {
    const { anchor, counted } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const forCallee = audioOf(await call.exchange('caller', sdpOf(caller.port).replace(/c=.*\r\n/, '')));
    const forCaller = audioOf(await call.exchange('callee', sdpOf(callee.port)));
    callee.send('lost', forCallee.port);
    while (counted.dropped['no-target'] !== 1) await new Promise((resolve) => setImmediate(resolve));
    caller.send('here', forCaller.port);
    await callee.heard(1);
    callee.send('found', forCallee.port);
    t.strictSame(await caller.heard(1), ['found']);
  });

  void t.test('while the copies are paused nothing is copied or kept for later, before the recorder has answered and after', async (t) => {
    const { anchor } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    const { forCaller } = await callBetween(call, caller, callee);
    let sent = 0;
    const say = async (n: number): Promise<void> => {
      caller.send(rtp(n), forCaller.port);
      await callee.heard((sent += 1));
    };
    await say(1);
    await call.pauseFork();
    await say(2);
    const paused = await call.recordingOffer();
    t.match([audioOf(paused!.sdp, 0).direction, audioOf(paused!.sdp, 1).direction], ['inactive', 'inactive'], 'the offer says so');
    await call.resumeFork();
    await say(3);
    const { streams, answer } = await recorder(t);
    t.equal(audioOf((await call.recordingOffer())!.sdp).direction, 'sendonly');
    await call.startFork(answer);
    await streams[0].heard(2);
    await say(4);
    await call.pauseFork();
    await say(5);
    await call.startFork(answer);
    await say(6);
    await call.resumeFork();
    await say(7);
    await streams[0].heard(4);
    t.strictSame(streams[0].came.map(({ bytes }) => bytes.readUInt16BE(2)), [1, 3, 4, 7]);
  });

  void t.test('a call that was paused before its media was known is paused from its first packet on', async (t) => {
    const { anchor } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const call = anchor.openCall('s');
    await call.pauseFork();
    const { forCaller } = await callBetween(call, caller, callee);
    caller.send(rtp(1), forCaller.port);
    await callee.heard(1);
    await call.resumeFork();
    caller.send(rtp(2), forCaller.port);
    await callee.heard(2);
    const { streams, answer } = await recorder(t);
    await call.startFork(answer);
    await streams[0].heard(1);
    t.strictSame(streams[0].came.map(({ bytes }) => bytes.readUInt16BE(2)), [2]);
  });

  const withEvents = (port: number, payloadType: number): string => sdpOf(port, { more: [`a=rtpmap:${payloadType} telephone-event/8000`] }).replace('RTP/AVP 0', `RTP/AVP 0 ${payloadType}`);
  const eventPacket = (payloadType: number, event: number, durationTicks = 0): Buffer =>
    encodeRtp({ payloadType, sequenceNumber: 1, timestamp: 1, ssrc: 7, payload: encodeTelephoneEvent({ event, end: false, volume: 0, durationTicks }) });

  void t.test('where keys are masked the copies do not tell them, and the other party and who listens hear them', async (t) => {
    const { anchor } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const told: string[] = [];
    const call = anchor.openCall('s', { onDigit: (from, key) => told.push(`${from} ${key}`), dtmfMasked: true });
    const forCallee = audioOf(await call.exchange('caller', withEvents(caller.port, 101)));
    const forCaller = audioOf(await call.exchange('callee', withEvents(callee.port, 96)));
    const { streams, answer } = await recorder(t);
    caller.send(eventPacket(96, 7, 160), forCaller.port);
    await callee.heard(1);
    await call.startFork(answer);
    const speech = encodeRtp({ payloadType: 0, sequenceNumber: 2, timestamp: 161, ssrc: 7, payload: Buffer.alloc(160, 7) });
    for (const packet of [eventPacket(96, 7, 320), speech]) caller.send(packet, forCaller.port);
    callee.send(eventPacket(101, 11, 160), forCallee.port);
    await Promise.all([callee.heard(3), caller.heard(1), streams[0].heard(3), streams[1].heard(1)]);
    t.strictSame(callee.came.map(({ bytes }) => bytes), [eventPacket(96, 7, 160), eventPacket(96, 7, 320), speech], 'to the other party as they were, also those whose copies were kept');
    t.strictSame(caller.came[0]?.bytes, eventPacket(101, 11, 160));
    t.strictSame(streams[0].came.map(({ bytes }) => bytes), [eventPacket(96, 22, 160), eventPacket(96, 22, 320), speech]);
    t.strictSame(streams[1].came[0]?.bytes, eventPacket(101, 22, 160));
    t.strictSame(told.sort(), ['callee #', 'caller 7']);
  });

  void t.test('who listens is told the keys that each party presses, and they go on to the other', async (t) => {
    const { anchor } = await relay(t);
    const [caller, callee] = [await peer(t), await peer(t)];
    const told: string[] = [];
    const call = anchor.openCall('s', { onDigit: (from, key) => told.push(`${from} ${key}`) });
    const forCallee = audioOf(await call.exchange('caller', withEvents(caller.port, 101)));
    const forCaller = audioOf(await call.exchange('callee', withEvents(callee.port, 96)));
    caller.send(eventPacket(96, 10), forCaller.port);
    callee.send(eventPacket(101, 11), forCallee.port);
    await Promise.all([caller.heard(1), callee.heard(1)]);
    t.strictSame(told.sort(), ['callee #', 'caller *']);
  });
}

for (const accelerator of ['auto', 'off'] as const) {
  void t.test(`packets by ${accelerator === 'auto' ? 'native calls, where they are to be had' : "Node's sockets"}`, (t) => {
    testRelay(t, accelerator);
    t.end();
  });
}
