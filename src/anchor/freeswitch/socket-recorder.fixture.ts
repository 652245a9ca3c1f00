/** For tests: a recorder that takes audio over WebSocket; it knows a packet of rtp() again by its samples. */
import { once } from 'node:events';
import type { Test } from 'tap';
import { WebSocketServer, type WebSocket } from 'ws';
import { encodePcmu } from '../../media/index.js';
import type { ContractRecorder, RecordedStream } from '../anchor-contract.fixture.js';
import { loopback } from '../media-peer.fixture.js';

const frameSamples = 160;

class HeardStream implements RecordedStream {
  readonly #numbers: number[] = [];
  readonly #told = new Set<() => void>();

  numbers(): readonly number[] {
    return this.#numbers;
  }

  async heard(count: number): Promise<void> {
    while (this.#numbers.length < count) await new Promise<void>((resolve) => this.#told.add(resolve));
  }

  take(samples: Int16Array): void {
    const [first = 0] = samples;
    // Between what was said there is silence.
    if (first === 0) return;
    this.#numbers.push(samples.every((sample) => sample === first) ? (encodePcmu(samples)[0] ?? 0) : Number.NaN);
    const told = [...this.#told];
    this.#told.clear();
    for (const resolve of told) resolve();
  }
}

export interface SocketRecorder extends ContractRecorder {
  readonly greetings: readonly string[];
}

/** Its streams are in the order of the lines that it was offered. */
export async function openSocketRecorder(t: Test): Promise<SocketRecorder> {
  const server = new WebSocketServer({ port: 0, host: loopback, path: '/audio/token' });
  await once(server, 'listening');
  t.teardown(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const streams = [new HeardStream(), new HeardStream()] as const;
  const greetings: string[] = [];
  server.on('connection', (socket: WebSocket) => {
    let channels = 0;
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) {
        greetings.push(data.toString());
        channels = (JSON.parse(data.toString()) as { parties: string[] }).parties.length;
        return;
      }
      for (let channel = 0; channel < channels; channel += 1) {
        streams[channel]?.take(Int16Array.from({ length: frameSamples }, (_, n) => data.readInt16LE(2 * (n * channels + channel))));
      }
    });
  });
  const { port } = server.address() as { port: number };
  const line = [`m=audio ${port} TCP/WS 96`, 'a=rtpmap:96 L16/8000', 'a=setup:passive', `a=ws-uri:ws://${loopback}:${port}/audio/token`, 'a=recvonly'];
  return { streams, greetings, answer: ['v=0', `o=- 1 1 IN IP4 ${loopback}`, 's=-', `c=IN IP4 ${loopback}`, 't=0 0', ...line, ...line, ''].join('\r\n') };
}
