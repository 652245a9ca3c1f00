import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { openDatagrams } from './accelerator.js';
import type { Datagrams, DatagramSocket, Endpoint } from './datagrams.js';
import { EpollWay } from './native/epoll-way.js';
import { loadLibc, type Libc } from './native/libc.js';
import { NativeDatagrams } from './native/native-datagrams.js';
import { RingWay } from './native/ring-way.js';
import { nodeDatagrams } from './node-datagrams.js';

const loopbacks = ['127.0.0.1', '::1'] as const;

class Heard {
  readonly came: Buffer[] = [];
  readonly from: Endpoint[] = [];
  #tell: () => void = () => undefined;

  constructor(socket: DatagramSocket) {
    socket.receive((bytes, from) => {
      this.came.push(Buffer.from(bytes));
      this.from.push(from);
      this.#tell();
    });
  }

  async until(count: number): Promise<Buffer[]> {
    while (this.came.length < count) await new Promise<void>((resolve) => (this.#tell = resolve));
    return this.came;
  }
}

function testDatagrams(name: string, datagrams: Datagrams): void {
  void t.test(name, async (t) => {
    for (const address of loopbacks) {
      await t.test(`datagrams of every length go to and fro on ${address}, with their source`, async (t) => {
        const [a, b] = [await datagrams.open(address, 0), await datagrams.open(address, 0)];
        const [heardA, heardB] = [new Heard(a), new Heard(b)];
        const sent = [0, 1, 12, 172, 1_500, 2_048, 2_049, 9_000, 60_000].map((length) => Buffer.alloc(length, length));
        let count = 0;
        for (const bytes of sent) {
          a.send(bytes, { address, port: b.port });
          await heardB.until((count += 1));
          b.send(bytes, { address, port: a.port });
          await heardA.until(count);
        }
        t.ok(heardB.came.every((bytes, n) => bytes.equals(sent[n]!)) && heardA.came.every((bytes, n) => bytes.equals(sent[n]!)));
        t.strictSame([heardA.from[0], heardB.from[0]], [{ address, port: b.port }, { address, port: a.port }]);
        t.ok(heardB.from.every((from) => from === heardB.from[0]), 'one object for as long as the source is the same');
        await Promise.all([a.close(), b.close()]);
      });
    }

    await t.test('a socket that is connected hears none but that one, and is told when nobody listens there any more', async (t) => {
      const [a, b, stranger] = [await datagrams.open('127.0.0.1', 0), await datagrams.open('127.0.0.1', 0), await datagrams.open('127.0.0.1', 0)];
      const [heardA, heardB] = [new Heard(a), new Heard(b)];
      const [place, goal] = [{ address: '127.0.0.1', port: a.port }, { address: '127.0.0.1', port: b.port }];
      let refused = 0;
      let tell: () => void = () => undefined;
      a.connect(goal, () => {
        refused += 1;
        tell();
      });
      stranger.send(Buffer.from('strange'), place);
      a.send(Buffer.from('to b'), goal);
      await heardB.until(1);
      b.send(Buffer.from('to a'), place);
      t.strictSame((await heardA.until(1)).map(String), ['to a']);
      t.equal(refused, 0);
      await b.close();
      while (refused === 0) {
        const told = new Promise<void>((resolve) => (tell = resolve));
        a.send(Buffer.from('to nobody'), goal);
        await Promise.race([told, delay(5)]);
      }
      const next = await datagrams.open('127.0.0.1', 0);
      const heard = new Heard(next);
      const there = { address: '127.0.0.1', port: next.port };
      a.connect(there);
      for (let n = 0; heard.came.length === 0 && n < 10; n += 1) {
        // What was refused may cost one that follows.
        a.send(Buffer.from('to another'), there);
        await Promise.race([heard.until(1), delay(20)]);
      }
      t.equal(String(heard.came[0]), 'to another');
      await Promise.all([a, stranger, next].map((socket) => socket.close()));
    });

    await t.test('each source is told, whoever sends in between', async (t) => {
      const [to, first, second] = [await datagrams.open('127.0.0.1', 0), await datagrams.open('127.0.0.1', 0), await datagrams.open('127.0.0.1', 0)];
      const heard = new Heard(to);
      for (const [n, socket] of [first, second, first, first, second].entries()) {
        socket.send(Buffer.from([n]), { address: '127.0.0.1', port: to.port });
        await heard.until(n + 1);
      }
      t.strictSame(heard.from.map(({ port }) => port), [first, second, first, first, second].map(({ port }) => port));
      await Promise.all([to, first, second].map((socket) => socket.close()));
    });

    await t.test('what came in may be sent on from within the handler, also a part of it, and other bytes as well', async (t) => {
      const [relay, from, to] = [await datagrams.open('127.0.0.1', 0), await datagrams.open('127.0.0.1', 0), await datagrams.open('127.0.0.1', 0)];
      const heard = new Heard(to);
      const goal = { address: '127.0.0.1', port: to.port };
      relay.receive((bytes) => {
        relay.send(bytes, goal);
        relay.send(bytes.subarray(2, 5), goal);
        relay.send(Buffer.concat([bytes, Buffer.from('!')]), goal);
      });
      from.send(Buffer.from('hello'), { address: '127.0.0.1', port: relay.port });
      t.strictSame((await heard.until(3)).map(String), ['hello', 'llo', 'hello!']);
      await Promise.all([relay, from, to].map((socket) => socket.close()));
    });

    await t.test('a socket that was closed, by a handler even, gets nothing and sends nothing, and its port is free', async (t) => {
      const [a, b] = [await datagrams.open('127.0.0.1', 0), await datagrams.open('127.0.0.1', 0)];
      let came = 0;
      const closed = new Promise<void>((resolve) => {
        a.receive(() => {
          came += 1;
          void a.close().then(resolve);
        });
      });
      for (let n = 0; n < 5; n += 1) b.send(Buffer.from('x'), { address: '127.0.0.1', port: a.port });
      await closed;
      a.send(Buffer.from('from the grave'), { address: '127.0.0.1', port: b.port });
      await a.close();
      const again = await datagrams.open('127.0.0.1', a.port);
      const [heardAgain, heardB] = [new Heard(again), new Heard(b)];
      again.send(Buffer.from('y'), { address: '127.0.0.1', port: b.port });
      await heardB.until(1);
      b.send(Buffer.from('z'), { address: '127.0.0.1', port: again.port });
      await heardAgain.until(1);
      t.strictSame([came, heardB.came.map(String), heardAgain.came.map(String)], [1, ['y'], ['z']]);
      await Promise.all([again.close(), b.close()]);
    });

    await t.test('a socket that is connected sends there, and elsewhere as well, and may be connected anew', async (t) => {
      const [a, first, second] = [await datagrams.open('127.0.0.1', 0), await datagrams.open('127.0.0.1', 0), await datagrams.open('127.0.0.1', 0)];
      const [heardFirst, heardSecond] = [new Heard(first), new Heard(second)];
      const to = [first, second].map(({ port }) => ({ address: '127.0.0.1', port })) as [Endpoint, Endpoint];
      a.connect(to[0]);
      a.send(Buffer.from('1'), to[0]);
      a.send(Buffer.from('2'), to[1]);
      a.send(Buffer.from('3'), to[0]);
      await Promise.all([heardFirst.until(2), heardSecond.until(1)]);
      a.connect(to[1]);
      a.send(Buffer.from('4'), to[1]);
      a.send(Buffer.from('5'), to[0]);
      t.strictSame([(await heardFirst.until(3)).map(String), (await heardSecond.until(2)).map(String)], [['1', '3', '5'], ['2', '4']]);
      await Promise.all([a, first, second].map((socket) => socket.close()));
    });

    await t.test('what the system refuses has its code', async (t) => {
      const taken = await datagrams.open('127.0.0.1', 0);
      await t.rejects(datagrams.open('127.0.0.1', taken.port), { code: 'EADDRINUSE' });
      await t.rejects(datagrams.open('192.0.2.1', 0), { code: 'EADDRNOTAVAIL' });
      await taken.close();
    });

    await t.test('what cannot be sent is told, and the next is sent', async (t) => {
      const [a, b] = [await datagrams.open('127.0.0.1', 0), await datagrams.open('127.0.0.1', 0)];
      const heard = new Heard(b);
      await new Promise<void>((resolve) => a.send(Buffer.alloc(70_000), { address: '127.0.0.1', port: b.port }, resolve));
      await new Promise<void>((resolve) => a.send(Buffer.from('x'), { address: '::1', port: b.port }, resolve));
      a.send(Buffer.from('after'), { address: '127.0.0.1', port: b.port });
      t.strictSame((await heard.until(1)).map(String), ['after']);
      await Promise.all([a.close(), b.close()]);
    });

    await t.test('more sockets at once than are looked at in one go', async (t) => {
      const [count, from] = [1_100, await datagrams.open('127.0.0.1', 0)];
      const sockets = await Promise.all(Array.from({ length: count }, () => datagrams.open('127.0.0.1', 0)));
      const heard = sockets.map((socket) => new Heard(socket));
      for (const socket of sockets) from.send(Buffer.from(String(socket.port)), { address: '127.0.0.1', port: socket.port });
      await Promise.all(heard.map((one) => one.until(1)));
      t.ok(heard.every(({ came }, n) => String(came[0]) === String(sockets[n]?.port)));
      await Promise.all([...sockets, from].map((socket) => socket.close()));
    });

    await t.test('whatever is done in whichever order, nothing breaks', async (t) => {
      const action = fc.record({ what: fc.constantFrom('open', 'close', 'send', 'burst'), which: fc.nat(9), to: fc.nat(9), bytes: fc.uint8Array({ maxLength: 3_000 }) });
      await fc.assert(
        fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
          const sockets: DatagramSocket[] = [];
          for (const { what, which, to, bytes } of actions) {
            const socket = sockets[which % Math.max(1, sockets.length)];
            if (what === 'open' || socket === undefined) {
              const opened = await datagrams.open('127.0.0.1', 0);
              opened.receive((came) => opened.send(came.subarray(1), { address: '127.0.0.1', port: sockets[to % sockets.length]?.port ?? 9 }));
              sockets.push(opened);
            } else if (what === 'close') await socket.close();
            else for (let n = 0; n < (what === 'burst' ? 20 : 1); n += 1) socket.send(Buffer.from(bytes), { address: '127.0.0.1', port: sockets[to % sockets.length]?.port ?? 9 });
          }
          await delay(1);
          await Promise.all(sockets.map((socket) => socket.close()));
        }),
        { numRuns: 60 },
      );
      t.pass();
    });
  });
}

const libc = loadLibc();
testDatagrams("by Node's sockets", nodeDatagrams);
if (libc !== undefined) testDatagrams('by epoll', new NativeDatagrams(libc, new EpollWay(libc, undefined)));
const ring = libc === undefined ? undefined : ringWay(libc);
if (libc !== undefined && ring !== undefined) testDatagrams('by io_uring', new NativeDatagrams(libc, ring));

/** Undefined where the kernel has none that serves, or does not let us, as in many containers. */
function ringWay(libc: Libc): RingWay | undefined {
  try {
    return new RingWay(libc, undefined);
  } catch {
    return undefined;
  }
}

const native = await openDatagrams('auto');

t.test('native calls are what is taken where they are to be had, and Node\'s sockets where they are not wanted', async (t) => {
  t.equal(native.kind, libc === undefined ? 'node' : ring === undefined ? 'epoll' : 'io_uring');
  t.equal((await openDatagrams('off')).kind, 'node');
});

t.test('packets are marked by native calls', { skip: native.kind === 'node' ? 'koffi is not installed' : false }, async (t) => {
  const socket = await native.open('127.0.0.1', 0, { dscp: 46 });
  const six = await native.open('::1', 0, { dscp: 46 });
  await Promise.all([socket.close(), six.close()]);
  await t.rejects(nodeDatagrams.open('127.0.0.1', 0, { dscp: 46 }));
});

t.test('memory of native calls is only reached within its bounds', { skip: native.kind === 'node' ? 'koffi is not installed' : false }, (t) => {
  const memory = loadLibc()!.alloc(100);
  t.equal(memory.bytes.length, 4_096, 'whole pages');
  for (const [offset, size] of [[-1, 1], [0, 4_097], [4_096, 1], [Number.NaN, 1], [0, Number.NaN], [0, -1]] as const) t.throws(() => memory.at(offset, size), RangeError);
  t.equal(memory.at(4_000, 96) - memory.at(0, 1), 4_000);
  t.end();
});
