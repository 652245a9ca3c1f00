import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import t from 'tap';
import { Inbox, Outlet, type ReachedSocket } from './inbox.js';
import { LaneReceiver, LaneSender, newLaneMemory } from './lane.js';
import { v4Of } from './socket-address.js';

t.test('packets of every length come out as they went in, in their order, however often the lane is emptied', (t) => {
  const memory = newLaneMemory();
  const [sender, receiver] = [new LaneSender(memory), new LaneReceiver(memory)];
  const step = fc.oneof({ weight: 9, arbitrary: fc.nat(65_535) }, { weight: 1, arbitrary: fc.constant('take' as const) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const sent: (readonly [Buffer, number, number])[] = [];
      let [taken, good] = [0, true];
      const take = (): boolean =>
        receiver.take((bytes, to, from) => {
          const [expected, wantedTo, wantedFrom] = sent[taken++]!;
          good &&= bytes.equals(expected) && to === wantedTo && from === wantedFrom;
        });
      for (const [n, what] of steps.entries()) {
        if (what === 'take') take();
        else {
          const bytes = Buffer.alloc(what % 2_000 === 0 ? what : what % 2_000, n);
          const [to, from] = [n + 1, 65_535 - n];
          if (sender.put(bytes, to, from)) sent.push([bytes, to, from]);
          else good &&= sent.length - taken > 60;
        }
      }
      take();
      return good && taken === sent.length;
    }),
    { numRuns: 300 },
  );
  t.end();
});

t.test('a lane that is full takes nothing more, and takes again when it has been emptied', (t) => {
  const memory = newLaneMemory();
  const [sender, receiver] = [new LaneSender(memory), new LaneReceiver(memory)];
  const packet = Buffer.alloc(1_000, 5);
  for (let round = 0; round < 5; round += 1) {
    let count = 0;
    while (sender.put(packet, 1, 2)) count += 1;
    t.ok(count > 4_000, `${count} found room`);
    let came = 0;
    receiver.take(() => (came += 1));
    t.equal(came, count);
  }
  t.end();
});

t.test('from another thread, while the receiver looks', async (t) => {
  const memory = newLaneMemory();
  const receiver = new LaneReceiver(memory);
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     import(workerData.lane).then(({ LaneSender }) => {
       const sender = new LaneSender(workerData.memory);
       for (let n = 0; n < 200_000; n += 1) {
         const bytes = Buffer.alloc(12 + (n % 300), n);
         bytes.writeUInt32BE(n, 0);
         while (!sender.put(bytes, n & 0xffff, 7)) {}
       }
     });`,
    { eval: true, workerData: { memory, lane: new URL('./lane.js', import.meta.url).href } },
  );
  const exited = once(worker, 'exit');
  t.teardown(() => worker.terminate());
  let [next, wrong] = [0, 0];
  while (next < 200_000) {
    receiver.take((bytes, to, from) => {
      if (bytes.readUInt32BE(0) !== next || bytes.length !== 12 + (next % 300) || bytes[11] !== (next & 0xff) || to !== (next & 0xffff) || from !== 7) wrong += 1;
      next += 1;
    });
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal(wrong, 0);
  await exited;
});

t.test('only sockets that are open are reached, at their address alone, and each by one port', (t) => {
  const inbox = new Inbox();
  const outlet = new Outlet(inbox.newLane());
  const heard: string[] = [];
  const socket = (name: string, address: string, port: number): ReachedSocket => ({ port, v4: v4Of(address), handler: (bytes, from) => heard.push(`${name} ${String(bytes)} from ${from.port}`), neighbour: (from: number) => ({ address, port: from }) }) ;
  const [from, elsewhere] = [socket('from', '127.0.0.1', 9), socket('elsewhere', '127.0.0.2', 8)];
  const [a, sameport, six] = [socket('a', '127.0.0.1', 1_000), socket('b', '127.0.0.2', 1_000), socket('six', '::1', 1_001)];
  for (const one of [a, sameport, six]) inbox.add(one);
  t.ok(outlet.send(Buffer.from('1'), from, 1_000));
  t.notOk(outlet.send(Buffer.from('2'), elsewhere, 1_000), 'another address');
  t.notOk(outlet.send(Buffer.from('3'), from, 1_001), 'IPv6');
  t.notOk(outlet.send(Buffer.from('4'), from, 1_002), 'nobody');
  inbox.take();
  inbox.remove(sameport);
  t.ok(outlet.send(Buffer.from('5'), from, 1_000), 'the other one had no place to lose');
  inbox.remove(a);
  inbox.take();
  t.notOk(outlet.send(Buffer.from('6'), from, 1_000));
  t.strictSame(heard, ['a 1 from 9'], 'what came for one that was closed meanwhile is dropped');
  t.strictSame(['127.0.0.1', '0.0.0.0', '::1', 'x'].map(v4Of), [0x7f000001, 0, 0, 0]);
  t.end();
});
