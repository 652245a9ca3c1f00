import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { clip, Sound, srtpBy } from '../../media/index.js';
import { openDatagrams, PortPool } from '../../udp/index.js';
import { callBetween, loopback, mediaPeer, openRecorderPeer, rtp, sequenceOf } from '../media-peer.fixture.js';
import { relayIn } from './index.js';
import { LocalThread } from './local-thread.fixture.js';
import { MediaThread } from './media-thread.js';
import { RelayCall } from './relay-call.js';

const firstPort = 16_000 + (process.pid % 100) * 20;

async function openCall(t: Test, accelerator: 'auto' | 'off') {
  const crashes: string[] = [];
  let tell = (): void => undefined;
  const thread = await MediaThread.start(accelerator, (error) => {
    crashes.push(error.message);
    tell();
  });
  t.teardown(() => thread.close());
  const pool = new PortPool(firstPort, firstPort + 19, { restMs: 0 });
  const place = { address: loopback, announced: loopback, pool };
  const call = new RelayCall({
    thread, number: 1, places: { caller: place, callee: place, copies: place }, dscp: undefined, onDigit: undefined, dtmfMasked: false, silentMs: undefined, onSilent: undefined, origin: '1',
    share: ({ audio }) => ({ number: 1, audio: audio.source }),
    onClosed: () => undefined,
  });
  const crash = async (): Promise<void> => {
    const crashed = new Promise<void>((resolve) => (tell = resolve));
    const { worker } = thread;
    void worker?.terminate();
    await crashed;
    while (thread.worker === undefined) await new Promise((resolve) => setImmediate(resolve));
  };
  return { thread, call, pool, crashes, crash };
}

/** What each thread of this process has, less going first (proc_pid_stat(5), field 19). */
const nicenesses = (): number[] => readdirSync('/proc/self/task').map((thread) => Number(readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').split(') ')[1]?.split(' ')[16]));

t.test('a media thread goes before the others of its process, where the system allows it', { skip: process.platform === 'linux' ? false : 'no other system has a priority for a thread' }, async (t) => {
  let allowed = true;
  const own = getPriority();
  try {
    setPriority(own - 1);
    setPriority(own);
  } catch {
    allowed = false;
  }
  const thread = await MediaThread.start('off', (error) => void t.fail(error.message));
  t.equal(thread.rank, allowed ? 'before-others' : 'as-others');
  t.equal(nicenesses().filter((niceness) => niceness === -10).length, allowed ? 1 : 0);
  t.equal(getPriority(), own);
  await thread.close();
});

const mayBeInRealTime = (await openDatagrams()).kind !== 'node' && spawnSync('chrt', ['-r', '1', 'true']).status === 0;
for (const [flag, told] of [['--single-threaded-gc', { rank: 'real-time', inRealTime: 1 }], ['--no-deprecation', { rank: 'before-others', inRealTime: 0 }]] as const) {
  t.test(`of a process with ${flag}, which may be in real time, so many threads are: ${told.inRealTime}`, { skip: mayBeInRealTime ? false : 'nothing may be in real time here' }, (t) => {
    const { stdout, stderr } = spawnSync(process.execPath, [flag, fileURLToPath(new URL('./ranks.fixture.js', import.meta.url))], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } });
    t.strictSame(JSON.parse(stdout), told, stderr);
    t.end();
  });
}

for (const accelerator of ['auto', 'off'] as const) {
  t.test(`a thread that crashes comes back, and its calls go on: ports, places, copies (accelerator ${accelerator})`, async (t) => {
    const { call, pool, crashes, crash } = await openCall(t, accelerator);
    const [caller, callee] = [await mediaPeer(t), await mediaPeer(t)];
    const { forCaller, forCallee } = await callBetween(call, caller, callee);
    const { streams, answer } = await openRecorderPeer(t);
    await call.recordingOffer();
    await call.startFork(answer);
    caller.send(rtp(1), forCaller.port);
    await Promise.all([callee.heard(1), streams[0].heard(1)]);
    await crash();
    t.equal(crashes.length, 1);
    // The thread is there; its sockets are opened again by the orders that it is given anew.
    await call.resumeFork();
    caller.send(rtp(2), forCaller.port);
    callee.send(rtp(3), forCallee.port);
    await Promise.all([callee.heard(2), caller.heard(1), streams[0].heard(2), streams[1].heard(1)]);
    t.strictSame(streams.map(({ came }) => came.map(sequenceOf)), [[1, 2], [3]]);
    const free = pool.free;
    await call.close();
    t.equal(pool.free, free + 4);
  });
}

t.test('what was said while it was away holds afterwards; a sound that was played has failed', async (t) => {
  const { call, thread, crash } = await openCall(t, 'off');
  const [caller, callee, elsewhere] = [await mediaPeer(t), await mediaPeer(t), await mediaPeer(t)];
  const { forCaller } = await callBetween(call, caller, callee);
  const playing = call.play({ sound: new Sound(clip(new Int16Array(80_000), 8_000)), to: ['caller'], over: 'replace' });
  const exited = once(thread.worker!, 'exit');
  const crashed = crash();
  await exited;
  t.equal(thread.worker, undefined);
  const { sdp } = { sdp: ['v=0', `c=IN IP4 ${loopback}`, 't=0 0', `m=audio ${elsewhere.port} RTP/AVP 0`, ''].join('\r\n') };
  await call.exchange('callee', sdp);
  await crashed;
  t.strictSame(await playing.ended, { caller: 'failed' });
  await call.resumeFork();
  caller.send(rtp(5), forCaller.port);
  await elsewhere.heard(1);
  t.strictSame(elsewhere.came.map(sequenceOf), [5]);
});

t.test('calls go to the thread that has the fewest of them and is there; health tells of one that is not', (t) => {
  const threads = [new LocalThread(), new LocalThread()] as const;
  const anchor = relayIn(threads, { address: loopback, ports: [firstPort, firstPort + 19], accelerator: 'off' });
  t.teardown(() => anchor.close());
  for (let n = 0; n < 4; n += 1) anchor.openCall(String(n));
  t.strictSame(threads.map(({ calls }) => calls), [2, 2]);
  t.equal(anchor.health().ok, true);
  threads[0].isUp = false;
  for (let n = 4; n < 6; n += 1) anchor.openCall(String(n));
  t.strictSame(threads.map(({ calls }) => calls), [2, 4]);
  t.match(anchor.health(), { ok: false, detail: /2 media threads, 1 of them being started anew/ });
  t.end();
});

t.test('a thread tries SRTP by OpenSSL where that is to be had, and with the accelerator off by JavaScript', async (t) => {
  for (const [accelerator, by] of [['auto', srtpBy()], ['off', 'JavaScript']] as const) {
    const thread = await MediaThread.start(accelerator, (error) => t.error(error));
    t.teardown(() => thread.close());
    t.equal(thread.srtp, by, accelerator);
    const anchor = relayIn([thread], { address: loopback, ports: [firstPort, firstPort + 19], accelerator });
    t.match(anchor.health(), { ok: true, detail: new RegExp(`, SRTP tried by ${by}$`, 'u') });
  }
});

t.test('after its close a thread takes no orders', async (t) => {
  const thread = await MediaThread.start('off', (error) => t.error(error));
  await thread.close();
  await t.rejects(thread.order(1, { kind: 'stop-copies', fork: 0 }), { code: 'ANCHOR_UNREACHABLE' });
});
