/**
 * Native datagrams, where they can be had: asked for once in a thread, and tried out before anybody relies on them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint } from '../datagrams.js';
import { EpollWay } from './epoll-way.js';
import { Inbox, Outlet, type LaneShare } from './inbox.js';
import { loadLibc, type Libc } from './libc.js';
import { NativeDatagrams } from './native-datagrams.js';
import { closeLeft, newDescriptorList, OpenDescriptors } from './open-descriptors.js';
import type { PacketWay } from './packet-way.js';
import { RingWay } from './ring-way.js';

const probeLooks = 100;

let asked: Promise<NativeDatagrams | undefined> | undefined;

/** Of this thread. */
const inbox = new Inbox();

/** What a thread with native datagrams shares with the one that starts it. */
export interface DatagramShare {
  readonly descriptors: SharedArrayBuffer;
  readonly toStarter: LaneShare;
}

/** For a thread that is to be started from here: what it sends to sockets of this thread need not pass the kernel. */
export const shareDatagrams = (): DatagramShare => ({ descriptors: newDescriptorList(), toStarter: inbox.newLane() });

/** For whoever shared them, when no thread has part in them any more. */
export const unshareDatagrams = ({ toStarter }: DatagramShare): void => inbox.dropLane(toStarter);

/** `share`: of whoever started this thread. Undefined where koffi is missing, the system is another than 64-bit Linux, or a datagram to oneself does not come back. */
export function nativeDatagrams(share?: DatagramShare): Promise<NativeDatagrams | undefined> {
  asked ??= probe(share);
  return asked;
}

/** Closes what a thread that has ended left open. */
export function closeDatagrams({ descriptors }: DatagramShare): void {
  const libc = loadLibc();
  if (libc !== undefined) closeLeft(descriptors, libc);
}

/** In the order of what a packet costs. */
const ways: readonly (new (libc: Libc, descriptors: OpenDescriptors | undefined) => PacketWay)[] = [RingWay, EpollWay];

async function probe(share: DatagramShare | undefined): Promise<NativeDatagrams | undefined> {
  const libc = loadLibc();
  if (libc === undefined) return undefined;
  const descriptors = share === undefined ? undefined : new OpenDescriptors(share.descriptors);
  // A thread of its own is for packets that somebody waits for.
  const options = share === undefined ? { inbox } : { inbox, descriptors, outlet: new Outlet(share.toStarter), looks: { busyMs: 1, idleMs: 3 } };
  for (const Way of ways) {
    try {
      const datagrams = new NativeDatagrams(libc, new Way(libc, descriptors), options);
      if (await comesBack(datagrams)) return datagrams;
    } catch {
      // The next one is asked.
    }
  }
  return undefined;
}

async function comesBack(datagrams: NativeDatagrams): Promise<boolean> {
  const socket = await datagrams.open('127.0.0.1', 0);
  const sent = Buffer.from('to oneself and back');
  let came: { readonly bytes: Buffer; readonly from: Endpoint } | undefined;
  try {
    socket.receive((bytes, from) => (came = { bytes: Buffer.from(bytes), from }));
    socket.send(sent, { address: '127.0.0.1', port: socket.port });
    for (let looks = 0; looks < probeLooks && came === undefined; looks += 1) await delay(1);
    return came !== undefined && came.bytes.equals(sent) && came.from.address === '127.0.0.1' && came.from.port === socket.port;
  } finally {
    await socket.close();
  }
}
