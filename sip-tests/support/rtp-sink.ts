/** One UDP port that hears the media of many calls: told apart by where it comes from, which is a relay's port each. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { parseRtp } from '../../src/media/index.js';

export interface HeardStream {
  readonly packets: number;
  /** The most packets in a row that are missing between two that came. */
  readonly longestGap: number;
}

export interface RtpSink {
  readonly port: number;
  /** Streams heard since the last time this was asked. */
  take(): readonly HeardStream[];
  close(): void;
}

export async function openRtpSink(): Promise<RtpSink> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4_194_304 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let streams = new Map<string, Set<number>>();
  socket.on('message', (bytes, { port }) => {
    const packet = parseRtp(bytes);
    if (typeof packet === 'string') return;
    const key = `${port} ${packet.ssrc}`;
    const known = streams.get(key);
    if (known === undefined) streams.set(key, new Set([packet.sequenceNumber]));
    else known.add(packet.sequenceNumber);
  });
  return {
    port: socket.address().port,
    take: () => {
      const heard = [...streams.values()].map((numbers) => ({ packets: numbers.size, longestGap: longestGap(numbers) }));
      streams = new Map();
      return heard;
    },
    close: () => socket.close(),
  };
}

/** Of sequence numbers that do not wrap around. */
function longestGap(numbers: ReadonlySet<number>): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return Math.max(0, ...sorted.slice(1).map((number, n) => number - (sorted[n] ?? number) - 1));
}
