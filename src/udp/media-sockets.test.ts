import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t from 'tap';
import type { Datagrams } from './datagrams.js';
import { openMediaSockets } from './media-sockets.js';
import { PortPool } from './port-pool.js';

const loopback = '127.0.0.1';
/** A range that the machine's own choice of ports does not reach, another in each process. */
const firstPort = 10_000 + (process.pid % 400) * 20;
const poolOf = (pairs: number): PortPool => new PortPool(firstPort, firstPort + pairs * 2 - 1, { restMs: 0 });

t.test('a pair is an even port for RTP and the next for RTCP, and both receive', async (t) => {
  const pair = await openMediaSockets(loopback, poolOf(5));
  t.teardown(() => pair.close());
  t.equal(pair.rtpPort % 2, 0);
  t.equal(pair.rtcpPort, pair.rtpPort + 1);
  t.strictSame([pair.rtp.port, pair.rtcp.port], [pair.rtpPort, pair.rtcpPort]);
  const came = Promise.all([pair.rtp, pair.rtcp].map((socket) => new Promise((resolve) => socket.receive((bytes) => resolve(String(bytes))))));
  pair.rtcp.send(Buffer.from('to rtp'), { address: loopback, port: pair.rtpPort });
  pair.rtp.send(Buffer.from('to rtcp'), { address: loopback, port: pair.rtcpPort });
  t.strictSame(await came, ['to rtp', 'to rtcp']);
});

t.test('a port that another process holds is passed over, be it the pair\'s first or second', async (t) => {
  for (const offset of [0, 1]) {
    const busy = createSocket('udp4').bind(firstPort + offset, loopback);
    await once(busy, 'listening');
    const pool = poolOf(2);
    const pair = await openMediaSockets(loopback, pool);
    t.equal(pair.rtpPort, firstPort + 2);
    t.equal(pool.free, 1, 'the busy pair may be free later');
    await pair.close();
    busy.close();
    await once(busy, 'close');
  }
});

t.test('close gives the pair back once, when both ports are free again', async (t) => {
  const pool = poolOf(1);
  const pair = await openMediaSockets(loopback, pool);
  t.equal(pool.free, 0);
  await Promise.all([pair.close(), pair.close()]);
  await pair.close();
  t.equal(pool.free, 1);
  const again = await openMediaSockets(loopback, pool);
  t.equal(again.rtpPort, pair.rtpPort);
  await again.close();
});

t.test('when no pair is free it fails, and an exhausted pool serves again after a close', async (t) => {
  const pool = poolOf(1);
  const pair = await openMediaSockets(loopback, pool);
  await t.rejects(openMediaSockets(loopback, pool), { code: 'PORTS_EXHAUSTED', facts: { address: loopback } });
  await pair.close();
  await (await openMediaSockets(loopback, pool)).close();
});

t.test('an address that is not of this machine fails at once, and keeps no port', async (t) => {
  const pool = poolOf(3);
  await t.rejects(openMediaSockets('192.0.2.1', pool), { code: 'MEDIA_BIND', message: /192\.0\.2\.1/ });
  t.equal(pool.free, 3);
});

t.test('that too many files are open is said, and no other port is tried', async (t) => {
  const pool = poolOf(3);
  let tries = 0;
  const full: Datagrams = {
    kind: 'node',
    open: () => {
      tries += 1;
      return Promise.reject(Object.assign(new Error('no more'), { code: 'EMFILE' }));
    },
  };
  await t.rejects(openMediaSockets(loopback, pool, full), { code: 'MEDIA_BIND', message: /LimitNOFILE/ });
  t.strictSame([tries, pool.free], [1, 3]);
});
