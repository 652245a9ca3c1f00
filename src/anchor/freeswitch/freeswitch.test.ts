/** Against a double of FreeSWITCH, which is none: see its head. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { clip, parseWav, Sound } from '../../media/index.js';
import { connectSip, readSdp } from '../../sip/index.js';
import { freePort } from '../../udp/free-port.fixture.js';
import { testAnchorContract } from '../anchor-contract.fixture.js';
import type { Anchor, AnchoredCall, CallOptions, PlayEnd } from '../door.js';
import { audioOf, callBetween, loopback, mediaPeer, sdpOf, type MediaPeer } from '../media-peer.fixture.js';
import { startDouble, type DoubleChannel, type FreeswitchDouble } from './freeswitch-double.fixture.js';
import { openFreeswitch } from './index.js';
import { isFrom } from './media-server.js';
import { openSocketRecorder } from './socket-recorder.fixture.js';

const sip = await connectSip({ settings: { listen: [{ transport: 'udp', host: loopback, port: await freePort() }] }, onCrash: () => undefined, onTrouble: () => undefined });
t.teardown(() => sip.close());

async function open(t: Test, doubles: readonly Pick<FreeswitchDouble, 'host' | 'port' | 'secret'>[], more: { pingMs?: number; sounds?: { dir: string; seenAs?: string } } = {}): Promise<{ anchor: Anchor; changes: string[]; changed: (count: number) => Promise<void> }> {
  const changes: string[] = [];
  const waiting = new Set<() => void>();
  const anchor = await openFreeswitch({
    settings: {
      nodes: doubles.map(({ host, port, secret }) => ({ host, port, secret, profile: 'drachtio_mrf', weight: 1 })),
      listen: { address: loopback, port: 0 },
      answerWithinMs: 2_000, pingMs: 60_000, ...more,
    },
    srf: sip.srf,
    onChange: (name, up) => {
      changes.push(`${name} ${up ? 'up' : 'down'}`);
      for (const resolve of waiting) resolve();
    },
  });
  t.teardown(() => anchor.close());
  const changed = async (count: number): Promise<void> => {
    while (changes.length < count) await new Promise<void>((resolve) => waiting.add(resolve));
  };
  return { anchor, changes, changed };
}

t.test('a double of FreeSWITCH', async (t) => {
  const double = await startDouble(t);
  testAnchorContract(t, { keeps: false, open: async (t) => (await open(t, [double])).anchor, openRecorder: openSocketRecorder });
});

interface Call {
  readonly call: AnchoredCall;
  readonly anchor: Anchor;
  readonly caller: MediaPeer;
  readonly callee: MediaPeer;
  readonly double: FreeswitchDouble;
}

async function openCall(t: Test, more: { sounds?: { dir: string; seenAs?: string }; options?: CallOptions } = {}): Promise<Call> {
  const double = await startDouble(t);
  const { anchor } = await open(t, [double], more.sounds === undefined ? {} : { sounds: more.sounds });
  const call = anchor.openCall('0123456789abcdef', more.options);
  return { call, anchor, double, caller: await mediaPeer(t), callee: await mediaPeer(t) };
}

/** The channel that a party sends to. */
const channelAt = (double: FreeswitchDouble, port: number): DoubleChannel => {
  const found = double.channels.find(({ rtp }) => rtp.address().port === port);
  if (found === undefined) throw new Error(`there is no channel at ${port}`);
  return found;
};

t.test('what it cannot carry unharmed is refused before FreeSWITCH is asked, also in a call, which goes on', async (t) => {
  const { call, double, caller, callee } = await openCall(t);
  const secure = sdpOf(4_000, { more: ['a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x'] }).replace('RTP/AVP', 'RTP/SAVP');
  await t.rejects(call.exchange('caller', secure), { code: 'SDP_UNUSABLE', message: /caller cannot be anchored: its audio is encrypted/u });
  t.strictSame(double.channels, []);
  const { forCaller, forCallee } = await callBetween(call, caller, callee);
  const fax = sdpOf(4_000).replace('m=audio 4000 RTP/AVP 0', 'm=image 4000 udptl t38');
  await t.rejects(call.exchange('callee', fax), { code: 'SDP_UNUSABLE', message: /it has image/u });
  t.strictSame(audioOf(await call.exchange('callee', sdpOf(callee.port))), forCaller);
  t.strictSame(audioOf(await call.exchange('caller', sdpOf(caller.port))), forCallee);
});

t.test('codecs that FreeSWITCH does not have are refused, in a call without a change to it', async (t) => {
  const { call, anchor, double, caller, callee } = await openCall(t);
  const foreign = sdpOf(4_000).replace('RTP/AVP 0', 'RTP/AVP 18');
  await t.rejects(anchor.openCall('other').exchange('caller', foreign), { code: 'SDP_UNUSABLE', message: /488/u });
  await double.until(() => double.channels.length === 0);
  t.equal(anchor.health().ok, true, 'it answers');
  await callBetween(call, caller, callee);
  await t.rejects(call.exchange('caller', foreign), { code: 'SDP_UNUSABLE', message: /488/u });
  const moved = await mediaPeer(t);
  const forCallee = audioOf(await call.exchange('caller', sdpOf(moved.port)));
  callee.send('hello', forCallee.port);
  await moved.heard(1);
});

t.test('a hold is between the parties: its direction goes on, under a higher version, and comes back', async (t) => {
  const { call, caller, callee } = await openCall(t);
  const versionOf = (text: string): number => Number(/^o=\S+ \S+ (\d+)/mu.exec(text)?.[1]);
  const offer = await call.exchange('caller', sdpOf(caller.port));
  await call.exchange('callee', sdpOf(callee.port));
  const held = await call.exchange('caller', sdpOf(caller.port, { more: ['a=sendonly'] }));
  t.equal(audioOf(held).direction, 'sendonly');
  t.ok(versionOf(held) > versionOf(offer));
  const answered = await call.exchange('callee', sdpOf(callee.port, { more: ['a=recvonly'] }));
  t.equal(audioOf(answered).direction, 'recvonly');
  const recorded = readSdp((await call.recordingOffer())?.sdp ?? '');
  t.match(recorded, { media: [{ direction: 'sendonly' }, { direction: 'inactive' }] }, 'who holds still plays to who is held');
  const again = await call.exchange('caller', sdpOf(caller.port, { more: ['a=sendrecv'] }));
  t.equal(audioOf(again).direction, 'sendrecv');
  t.ok(versionOf(again) > versionOf(held));
  t.equal(await call.exchange('caller', sdpOf(caller.port, { more: ['a=sendrecv'] })), again, 'what is repeated goes on as it did');
});

t.test('an answer that another branch of the callee gives goes to the same endpoint', async (t) => {
  const { call, caller, callee } = await openCall(t);
  const early = await mediaPeer(t);
  const { forCaller } = await callBetween(call, caller, early);
  const final = audioOf(await call.exchange('callee', sdpOf(callee.port)));
  t.equal(final.port, forCaller.port);
  caller.send('hello', final.port);
  await callee.heard(1);
  t.strictSame(early.came, []);
});

t.test('FreeSWITCH makes an offer of its own when it bridges: it has the answer that the party gave, and both are still there', async (t) => {
  const { anchor, double, caller, callee } = await openCall(t);
  for (const direction of ['sendrecv', 'sendonly', 'recvonly']) {
    const call = anchor.openCall(direction);
    const { forCaller, forCallee } = await callBetween(call, caller, callee, [`a=${direction}`]);
    await double.until(() => double.channels.every(({ held }) => !held));
    caller.send('hello', forCaller.port);
    await callee.heard(callee.came.length + 1);
    callee.send('hello', forCallee.port);
    await caller.heard(caller.came.length + 1);
    t.equal(double.channels.length, 2, direction);
    await call.close();
    await double.until(() => double.channels.length === 0);
  }
});

t.test('a re-INVITE that crosses one of FreeSWITCH is sent again', async (t) => {
  const double = await startDouble(t, { crossings: 2 });
  const { anchor } = await open(t, [double]);
  const call = anchor.openCall('s');
  const [caller, callee] = [await mediaPeer(t), await mediaPeer(t)];
  const { forCaller } = await callBetween(call, caller, callee);
  caller.send('hello', forCaller.port);
  await callee.heard(1);
});

t.test('what FreeSWITCH offers by itself goes on to nobody where it has SRTP beside RTP', async (t) => {
  const double = await startDouble(t, { offersSrtp: true });
  const { anchor } = await open(t, [double]);
  await t.rejects(anchor.openCall('s').exchange('caller', sdpOf(4_000)), { code: 'ANCHOR_REFUSED', message: /2 audio lines.*enable-3pcc=proxy/u });
  await double.until(() => double.channels.length === 0);
  t.equal(anchor.health().ok, true, 'it answers');
});

t.test('keys that a party presses are told by FreeSWITCH', async (t) => {
  let tell: (pressed: string) => void = () => undefined;
  const pressed = new Promise<string>((resolve) => (tell = resolve));
  const { call, double, caller, callee } = await openCall(t, { options: { onDigit: (from, digit) => tell(`${from} ${digit}`) } });
  const { forCallee } = await callBetween(call, caller, callee);
  const channel = channelAt(double, forCallee.port);
  await double.until(() => channel.control !== undefined);
  for (const digit of ['x', '12', '7']) channel.tell('DTMF', { 'DTMF-Digit': digit });
  t.equal(await pressed, 'callee 7', 'and nothing that is no key');
});

t.test('the recorder is told the session and the parties; the copies are under a name of ours; the call ends them', async (t) => {
  const { call, double, caller, callee } = await openCall(t);
  await callBetween(call, caller, callee);
  const recorder = await openSocketRecorder(t);
  const offer = await call.recordingOffer();
  t.match(readSdp(offer?.sdp ?? ''), { media: [{ protocol: 'TCP/WS', codecs: [{ name: 'L16', clockRate: 8_000, channels: 1 }] }, { protocol: 'TCP/WS' }] });
  t.equal(offer?.holdsKeys, false);
  await call.startFork(recorder.answer);
  await call.recordingOffer();
  await call.startFork(recorder.answer);
  t.equal(double.orders.length, 1, 'where they go already they stay');
  t.match(double.orders[0], / start stereo 8000 twintrack-0 /u);
  callee.send('hello', 9);
  while (recorder.greetings.length === 0) await new Promise(setImmediate);
  t.strictSame(recorder.greetings.map((text) => JSON.parse(text) as unknown), [{ sessionId: '0123456789abcdef', parties: ['caller', 'callee'] }]);
  await call.close();
  await double.until(() => double.channels.length === 0);
});

t.test('a recorder that cannot be reached, and one that says no place, are said', async (t) => {
  const { call, caller, callee } = await openCall(t);
  await callBetween(call, caller, callee);
  const recorder = await openSocketRecorder(t);
  await call.recordingOffer();
  const port = await freePort();
  const at = (uri: string): string => recorder.answer.replaceAll(/ws-uri:\S+/gu, `ws-uri:${uri}`);
  await t.rejects(call.startFork(at(`ws://${loopback}:${port}/audio/token`)), { code: 'SIPREC_UNUSABLE', message: /cannot connect/u });
  await t.rejects(call.startFork(recorder.answer.replaceAll(/a=ws-uri.*\r\n/gu, '')), { code: 'SIPREC_UNUSABLE', message: /recorder\.webSocket/u });
  await t.rejects(call.startFork(recorder.answer.replace(/m=audio \d+/u, 'm=audio 0')), { code: 'SIPREC_UNUSABLE' });
  for (const uri of ['ws://h/a|mono', "ws://h/a'b", 'http://h/a', 'ws://[::1]:9/a', 'ws://h', `ws://h/${'a'.repeat(2_000)}`, 'ws://h/a?b=c']) {
    await t.rejects(call.startFork(at(uri)), { code: 'SIPREC_UNUSABLE' }, uri);
  }
  await call.startFork(recorder.answer);
});

t.test('a session ID that others chose ends no argument of a command', async (t) => {
  const { anchor, caller, callee } = await openCall(t);
  const sessionId = `a'|b "c" \\ d`;
  const call = anchor.openCall(sessionId);
  await callBetween(call, caller, callee);
  const recorder = await openSocketRecorder(t);
  await call.recordingOffer();
  await call.startFork(recorder.answer);
  while (recorder.greetings.length === 0) await new Promise(setImmediate);
  t.match(JSON.parse(recorder.greetings[0] ?? ''), { sessionId });
});

const sound = (ms: number): Sound => new Sound(clip(Int16Array.from({ length: 8 * ms }, (_, n) => 8_000 * Math.sin(n / 4)), 8_000));

t.test('announcements are files that FreeSWITCH plays: to whom, how, and in whose place', async (t) => {
  const dir = join(t.testdir(), 'sounds');
  const { call, double, caller, callee } = await openCall(t, { sounds: { dir } });
  const { forCaller, forCallee } = await callBetween(call, caller, callee);
  const uuids = [forCaller, forCallee].map(({ port }) => channelAt(double, port).uuid);
  const named = (from: number): string[] => double.orders.slice(from).map((order) => uuids.reduce((text, uuid, n) => text.replace(uuid, n === 0 ? 'CALLER' : 'CALLEE'), order).replaceAll(/\/\S+\/twintrack-[0-9a-f]{32}\.wav/gu, 'FILE'));
  const short = sound(100);
  t.strictSame(await call.play({ sound: short, to: ['caller'], over: 'mix' }).ended, { caller: 'played' });
  await double.until(() => double.orders.length === 2);
  t.strictSame(named(0), ['uuid_displace CALLER start FILE 0 mux', 'uuid_displace CALLER stop FILE']);
  const wav = parseWav(await readFile(double.orders[0]?.split(' ')[3] ?? ''));
  t.match(wav, { sampleRate: 16_000, channels: 1, bitsPerSample: 16, format: 'pcm' });
  t.equal(typeof wav === 'string' ? 0 : wav.data.length, 2 * 1_600);
  t.strictSame(await call.play({ sound: short, to: ['callee'], over: 'replace', meanwhile: 'silence' }).ended, { callee: 'played' });
  await double.until(() => double.orders.length === 8);
  const orders = named(2);
  t.strictSame(
    orders.filter((order) => order.includes('CALLEE')),
    ['uuid_audio CALLEE start write mute 1', 'uuid_displace CALLEE start FILE 0 mux', 'uuid_displace CALLEE stop FILE', 'uuid_audio CALLEE stop'],
    'what is added after the silence stays',
  );
  t.strictSame(orders.filter((order) => order.includes('CALLER')), ['uuid_audio CALLER start write mute 1', 'uuid_audio CALLER stop']);
});

t.test('who hears a sound in place of the other party is heard all the while', async (t) => {
  const { call, double, caller, callee } = await openCall(t, { sounds: { dir: join(t.testdir(), 'sounds') } });
  const { forCaller, forCallee } = await callBetween(call, caller, callee);
  const playing = call.play({ sound: sound(60_000), to: ['caller'], over: 'replace' });
  await double.until(() => double.orders.length === 2);
  callee.send('unheard', forCallee.port);
  caller.send('heard', forCaller.port);
  t.strictSame(await callee.heard(1), ['heard']);
  playing.stop();
  await double.until(() => double.orders.length === 4);
  callee.send('heard again', forCallee.port);
  t.strictSame(await caller.heard(1), ['heard again']);
});

t.test('a sound that is stopped, and one that another takes the place of, are cut', async (t) => {
  const { call, double, caller, callee } = await openCall(t, { sounds: { dir: join(t.testdir(), 'sounds') } });
  await callBetween(call, caller, callee);
  const first = call.play({ sound: sound(60_000), to: ['caller', 'callee'], over: 'mix' });
  await double.until(() => double.orders.length === 2);
  const second = call.play({ sound: sound(50_000), to: ['caller'], over: 'mix' });
  await double.until(() => double.orders.length === 4);
  first.stop();
  t.strictSame(await first.ended, { caller: 'cut', callee: 'cut' });
  second.stop();
  t.strictSame(await second.ended, { caller: 'cut' });
  await double.until(() => double.channels.every(({ displaced }) => displaced.size === 0));
});

t.test('a file that FreeSWITCH does not see is not played, which could cost the call', async (t) => {
  const { call, double, caller, callee } = await openCall(t, { sounds: { dir: join(t.testdir(), 'sounds'), seenAs: '/nowhere' } });
  const { forCaller } = await callBetween(call, caller, callee);
  t.strictSame(await call.play({ sound: sound(100), to: ['caller'], over: 'mix' }).ended, { caller: 'failed' });
  t.strictSame(double.orders, []);
  caller.send('hello', forCaller.port);
  await callee.heard(1);
});

t.test('where nothing is there to be played to, or no folder for it, it is said', async (t) => {
  const outcomes = async (more: { sounds?: { dir: string } }): Promise<PlayEnd> => {
    const { call } = await openCall(t, more);
    return call.play({ sound: sound(100), to: ['callee'], over: 'mix' }).ended;
  };
  t.strictSame(await outcomes({ sounds: { dir: join(t.testdir(), 'sounds') } }), { callee: 'no-audio' });
  t.strictSame(await outcomes({}), { callee: 'anchor' });
  t.notOk(existsSync('/nowhere'));
});

t.test('of two FreeSWITCHes one dies: new calls go to the other, and it is told', async (t) => {
  const [first, second] = [await startDouble(t), await startDouble(t)];
  const { anchor, changes } = await open(t, [first, second]);
  await anchor.openCall('a').exchange('caller', sdpOf(4_000));
  t.equal(first.channels.length, 2);
  await first.kill();
  const [caller, callee] = [await mediaPeer(t), await mediaPeer(t)];
  for (const id of ['b', 'c', 'd']) {
    const { forCaller } = await callBetween(anchor.openCall(id), caller, callee);
    t.type(channelAt(second, forCaller.port), 'object');
  }
  t.strictSame(changes, [`127.0.0.1:${first.port} down`]);
  t.match(anchor.health(), { ok: true, detail: '1 of 2 FreeSWITCHes answer' });
});

t.test('one that takes no more calls is there all the same: the next is asked, and it is not told as lost', async (t) => {
  const [full, other] = [await startDouble(t, { mostChannels: 0 }), await startDouble(t)];
  const { anchor, changes } = await open(t, [full, other]);
  await anchor.openCall('a').exchange('caller', sdpOf(4_000));
  t.equal(other.channels.length, 2);
  await other.kill();
  await t.rejects(anchor.openCall('b').exchange('caller', sdpOf(4_000)), { code: /ANCHOR_/u });
  t.strictSame(changes, [`127.0.0.1:${other.port} down`]);
});

t.test('many calls that begin at once are no leak', async (t) => {
  const warnings: string[] = [];
  const note = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', note);
  t.teardown(() => process.off('warning', note));
  const { anchor } = await open(t, [await startDouble(t)]);
  await Promise.all(Array.from({ length: 12 }, (_, n) => anchor.openCall(`call ${n}`).exchange('caller', sdpOf(4_000 + 2 * n))));
  t.strictSame(warnings, []);
});

t.test('where none answers a call is told so in time; pings find one that comes', async (t) => {
  const port = await freePort();
  const { anchor, changes, changed } = await open(t, [{ host: loopback, port, secret: 'known-to-both' }], { pingMs: 100 });
  await t.rejects(anchor.openCall('s').exchange('caller', sdpOf(4_000)), { code: 'ANCHOR_UNREACHABLE', message: new RegExp(`FreeSWITCH 127\\.0\\.0\\.1:${port} cannot be reached`, 'u') });
  t.equal(anchor.health().ok, false);
  const double = await startDouble(t);
  // Whatever listens there leads to it.
  const door = createServer((socket) => {
    const inner = connect(double.port, loopback);
    for (const one of [socket, inner]) one.on('error', () => undefined);
    socket.pipe(inner).pipe(socket);
  }).listen(port, loopback);
  t.teardown(() => door.close());
  await once(door, 'listening');
  await changed(2);
  t.strictSame(changes, [`127.0.0.1:${port} down`, `127.0.0.1:${port} up`]);
});

t.test('a FreeSWITCH that breaks its connection is connected to again, and its calls go on', async (t) => {
  const double = await startDouble(t);
  const { anchor, changes } = await open(t, [double]);
  const call = anchor.openCall('a');
  const [caller, callee] = [await mediaPeer(t), await mediaPeer(t)];
  const { forCaller } = await callBetween(call, caller, callee);
  await double.breakEventSocket();
  const other = await callBetween(anchor.openCall('b'), await mediaPeer(t), await mediaPeer(t));
  t.not(other.forCaller.port, forCaller.port);
  caller.send('hello', forCaller.port);
  await callee.heard(1);
  t.ok(await call.recordingOffer());
  const recorder = await openSocketRecorder(t);
  await call.startFork(recorder.answer);
  t.strictSame(changes, []);
  await double.kill();
  await t.rejects(anchor.openCall('c').exchange('caller', sdpOf(4_000)), { code: 'ANCHOR_UNREACHABLE' });
  t.strictSame(changes, [`127.0.0.1:${double.port} down`]);
});

t.test('whoever else connects to where FreeSWITCH connects back is a stranger', (t) => {
  for (const remoteAddress of ['192.0.2.1', '::ffff:192.0.2.1']) t.equal(isFrom({ remoteAddress }, '192.0.2.1'), true);
  for (const remoteAddress of ['192.0.2.10', '127.0.0.1', undefined]) t.equal(isFrom({ remoteAddress }, '192.0.2.1'), false);
  t.end();
});

t.test('where FreeSWITCH cannot connect back to, since somebody else has that port, it is said and harms nothing', async (t) => {
  const taken = createServer().listen(0, loopback);
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const { port } = taken.address() as { port: number };
  const double = await startDouble(t);
  const anchor = await openFreeswitch({
    settings: { nodes: [{ host: loopback, port: double.port, secret: double.secret, profile: 'drachtio_mrf', weight: 1 }], listen: { address: loopback, port }, answerWithinMs: 2_000, pingMs: 60_000 },
    srf: sip.srf,
    onChange: () => undefined,
  });
  t.teardown(() => anchor.close());
  await t.rejects(anchor.openCall('s').exchange('caller', sdpOf(4_000)), { code: 'ANCHOR_UNREACHABLE', message: new RegExp(`anchor\\.freeswitch\\.listen, 127\\.0\\.0\\.1:${port}, is not to be had`, 'u') });
});

t.test('a FreeSWITCH that answers, and cannot connect back, is given up in time, and what it made is hung up', async (t) => {
  const double = await startDouble(t, { connectsBack: false });
  const { anchor, changes } = await open(t, [double]);
  await t.rejects(anchor.openCall('s').exchange('caller', sdpOf(4_000)), { code: 'ANCHOR_UNREACHABLE', message: /did not answer an INVITE within 2000 ms/u });
  await double.until(() => double.channels.length === 0);
  t.strictSame(changes, [`127.0.0.1:${double.port} down`]);
});
