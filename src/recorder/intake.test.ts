import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import type { CaptureWriter } from '../capture/index.js';
import { encodeRtcp, encodeRtp } from '../media/index.js';
import { openMediaSockets, PortPool } from '../udp/index.js';
import { Intake, type PacketReject } from './intake.js';

const loopback = '127.0.0.1';
const firstPort = 18_000 + (process.pid % 90) * 20;
const rtp = (n: number): Buffer => encodeRtp({ payloadType: 0, sequenceNumber: n, timestamp: 0, ssrc: 1, payload: Buffer.alloc(8) });
const report = encodeRtcp([{ type: 'RR', ssrc: 1, reports: [], profileExtension: Buffer.alloc(0) }]);

/** An intake whose packets and rejects are kept; `turn` resolves when so many datagrams have been judged. */
async function open(t: Test) {
  const written: { stream: number; atMs: number; rtcp: boolean; bytes: Buffer }[] = [];
  const rejected: PacketReject[] = [];
  let received = 0;
  let tell = (): void => undefined;
  const stats = { packets: 0, bytes: 0, droppedPackets: 0, droppedEvents: 0, writtenPackets: 0, writtenBytes: 0 };
  const writer: CaptureWriter = {
    packet: (stream, atMs, rtcp, bytes) => written.push({ stream, atMs, rtcp, bytes }) > 0,
    event: () => undefined,
    flush: () => Promise.resolve(),
    close: () => Promise.resolve({ state: 'closed', moreFollows: false, ...stats }),
    stats,
  };
  const sockets = await openMediaSockets(loopback, new PortPool(firstPort, firstPort + 19, { restMs: 0 }));
  const intake = new Intake(sockets, writer, 3, {
    received: () => {
      received += 1;
      tell();
    },
    rejected: (reason) => {
      rejected.push(reason);
      tell();
    },
  });
  t.teardown(() => intake.close());
  const turn = async (count: number): Promise<void> => {
    while (received + rejected.length < count) await new Promise<void>((resolve) => (tell = resolve));
  };
  return { intake, written, rejected, turn, received: () => received };
}

async function sender(t: Test): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, loopback);
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return socket;
}

t.test('what the first source sends is written down as it came, with stream and instant', async (t) => {
  const { intake, written, turn, received } = await open(t);
  const source = await sender(t);
  const beforeMs = performance.timeOrigin + performance.now();
  source.send(rtp(1), intake.port, loopback);
  await turn(1);
  t.match(written, [{ stream: 3, rtcp: false }]);
  t.strictSame(written[0]?.bytes, rtp(1));
  t.ok(written[0]!.atMs >= beforeMs && written[0]!.atMs <= performance.timeOrigin + performance.now());
  t.equal(received(), 1);
});

t.test('the first source that sends RTP has the stream; others are counted and dropped', async (t) => {
  const { intake, written, rejected, turn } = await open(t);
  const [source, stranger] = [await sender(t), await sender(t)];
  source.send(rtp(1), intake.port, loopback);
  await turn(1);
  stranger.send(rtp(2), intake.port, loopback);
  await turn(2);
  source.send(rtp(3), intake.port, loopback);
  await turn(3);
  t.strictSame(written.map(({ bytes }) => bytes.readUInt16BE(2)), [1, 3]);
  t.strictSame(rejected, ['unknown-source']);
});

t.test('RTCP is known by its port, and on the port of RTP by its type; it may come from a port of its own', async (t) => {
  const { intake, written, rejected, turn } = await open(t);
  const [source, rtcpSource] = [await sender(t), await sender(t)];
  rtcpSource.send(report, intake.port + 1, loopback);
  await turn(1);
  source.send(rtp(1), intake.port, loopback);
  await turn(2);
  source.send(report, intake.port, loopback);
  await turn(3);
  rtcpSource.send(report, intake.port + 1, loopback);
  await turn(4);
  t.strictSame(written.map(({ rtcp }) => rtcp), [true, false, true, true], 'a report before the first packet latches nothing');
  t.strictSame(rejected, []);
});

t.test('what is neither RTP nor RTCP is malformed, and does not take the stream', async (t) => {
  const { intake, written, rejected, turn } = await open(t);
  const [noise, source] = [await sender(t), await sender(t)];
  // STUN has its two highest bits clear (RFC 7983 §7).
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(7, 0x80), Buffer.alloc(20, 0x01)]) noise.send(bytes, intake.port, loopback);
  await turn(3);
  source.send(rtp(1), intake.port, loopback);
  await turn(4);
  t.strictSame(rejected, ['malformed', 'malformed', 'malformed']);
  t.equal(written.length, 1);
});
