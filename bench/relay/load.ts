/**
 * The load of the relay bench, in a process of its own: all parties of all calls, and the recorder.
 *
 * It sends by one system call for many packets, each millisecond those that are due, so that it takes little of the
 * machine. Each packet holds when it was sent, and the kernel tells when it came back: how late the load is to read it does
 * not count. Parties share a socket: one for all callers, one for all callees, one for all copies.
 *
 * It goes before what is measured: parties have machines of their own, and do not send in bursts because a recorder is busy.
 */
import { setPriority } from 'node:os';
import type { DatagramSocket } from '../../src/udp/index.js';
import { EpollWay } from '../../src/udp/native/epoll-way.js';
import { NativeDatagrams } from '../../src/udp/native/native-datagrams.js';
import { RingWay } from '../../src/udp/native/ring-way.js';
import { libc, PacedPackets, unixUs } from '../paced-packets.js';
import { loopback } from './calls.js';
import { Reporter } from './reporter.js';
import { StampedReceiver } from './stamped-receiver.js';
import type { FromLoad, LoadResult, ToLoad } from './messages.js';

const packetMs = 20;
/** Of callers and callees, one each. */
const firstSsrcs = [1, 100_001] as const;
const turnMs = 1;
/** Before media threads, which have -10. */
const niceness = -15;
const [solSocket, soRcvbufForce] = [1, 33];
const bufferBytes = 16 * 1024 * 1024;
/** Delays are counted in steps of so many microseconds. */
const stepUs = 20;
const steps = 20_000;
const slotMs = 100;
/** What the anchor needs to become as fast as it is: not counted in delays. */
const warmUpUs = 3e6;
/** For packets that are still on their way at the end. */
const lastMs = 500;

const datagrams = new NativeDatagrams(libc, new RingWay(libc, undefined));
/** Those of its sockets are read by what knows when packets came. */
const unread = new NativeDatagrams(libc, new EpollWay(libc, undefined));
const tell = (message: FromLoad): void => void process.send?.(message);

async function open(by: NativeDatagrams): Promise<DatagramSocket & { readonly fd: number }> {
  const socket = (await by.open(loopback, 0)) as DatagramSocket & { readonly fd: number };
  const value = libc.alloc(4);
  value.view.setInt32(0, bufferBytes, true);
  if (libc.setsockopt(socket.fd, solSocket, soRcvbufForce, value.at(0, 4), 4) !== 0) throw new Error('the receive buffer cannot be made large enough: the bench needs CAP_NET_ADMIN (root)');
  return socket;
}

function run({ calls, seconds, packetBytes }: ToLoad): LoadResult {
  const callers = new PacedPackets(caller.fd, calls.map(({ forCaller }) => forCaller), firstSsrcs[0], packetBytes);
  const callees = new PacedPackets(callee.fd, calls.map(({ forCallee }) => forCallee), firstSsrcs[1], packetBytes);
  const reporter = new Reporter(recorder, calls.flatMap(({ copies }, n) => (copies ?? []).map((port, side) => ({ port, ssrc: (firstSsrcs[side] ?? 0) + n }))));
  const delays = new Float64Array(steps + 1);
  let [received, heard, copies, sent, max] = [0, 0, 0, 0, 0];
  const countedFromUs = unixUs() + warmUpUs;
  const hear = (packets: DataView, at: number, cameUs: number): void => {
    received += 1;
    if (cameUs < countedFromUs) return;
    heard += 1;
    const us = cameUs - packets.getFloat64(at + 12);
    const step = Math.min(steps, Math.max(0, Math.floor(us / stepUs)));
    delays[step] = (delays[step] ?? 0) + 1;
    if (us > max) max = us;
  };
  recorder.receive((bytes) => {
    copies += 1;
    reporter.hear(bytes);
  });
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const sentBy: number[] = [];
  const startedAtMs = performance.timeOrigin + performance.now();
  const from = performance.now();
  const endMs = seconds * 1_000;
  for (;;) {
    const atMs = performance.now() - from;
    if (atMs >= endMs + lastMs) break;
    while (sentBy.length < Math.floor(atMs / slotMs)) sentBy.push(sent);
    // Packet k of a direction is due at k shares of 20 ms, so that they come evenly.
    const due = Math.floor((Math.min(atMs, endMs) / packetMs) * calls.length);
    const owed = due - sent / 2;
    if (owed > 0) sent += callers.send(owed) + callees.send(owed);
    reporter.send(atMs);
    for (let looks = 0; looks < 50; looks += 1) {
      const before = received + copies;
      for (const receiver of receivers) receiver.drain(hear);
      datagrams.drain();
      if (received + copies === before) break;
    }
    Atomics.wait(sleeper, 0, 0, turnMs);
  }
  const quantile = (share: number): number => {
    let seen = 0;
    for (let step = 0; step <= steps; step += 1) if ((seen += delays[step] ?? 0) >= heard * share) return ((step + 1) * stepUs) / 1_000;
    return Number.NaN;
  };
  return { kind: 'result', startedAtMs, sentBy, sent, received, copies, delayMs: { p50: quantile(0.5), p99: quantile(0.99), max: max / 1_000 } };
}

const [caller, callee, recorder] = [await open(unread), await open(unread), await open(datagrams)];
const receivers = [caller, callee].map(({ fd }) => new StampedReceiver(libc, fd));
setPriority(process.pid, niceness);
process.on('message', (order: ToLoad) => {
  try {
    tell(run(order));
  } catch (error) {
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
});
tell({ kind: 'ports', parties: { caller: caller.port, callee: callee.port, recorder: recorder.port } });
