/** For tests: an application that says exactly what a test tells it to, in frames of the drachtio protocol. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Test } from 'tap';
import { encodeFrame, FrameReader } from './app/frame-reader.js';
import type { Edge } from './edge-options.js';
import { until } from './party.fixture.js';

export interface RawApp {
  send(payload: string): void;
  write(bytes: string): void;
  /** The next payload that begins with these tokens after its own id. */
  take(...tokens: string[]): Promise<{ readonly tokens: readonly string[]; readonly text: string }>;
  /** Whether one is there. */
  has(...tokens: string[]): boolean;
  /** The second token of every payload, as they came. */
  readonly order: readonly string[];
  readonly ended: Promise<unknown>;
  /** Stops reading, so that what is sent to it has to wait. */
  pause(): void;
  close(): void;
}

export async function openRawApp(t: Test, edge: Edge): Promise<RawApp> {
  const socket = connect(edge.admin.port, edge.admin.host);
  const reader = new FrameReader();
  const left: string[] = [];
  const order: string[] = [];
  socket.on('data', (chunk) => {
    const { payloads } = reader.push(chunk.toString('latin1'));
    left.push(...payloads);
    order.push(...payloads.map((payload) => payload.split('|', 2)[1] ?? ''));
  });
  socket.on('error', () => undefined);
  const ended = once(socket, 'close');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  const find = (tokens: readonly string[]): number => left.findIndex((payload) => payload.slice(payload.indexOf('|') + 1).startsWith(tokens.join('|')));
  return {
    send: (payload) => socket.write(encodeFrame(payload), 'latin1'),
    write: (bytes) => socket.write(bytes, 'latin1'),
    take: async (...tokens) => {
      await until(`a message ${tokens.join('|')}`, () => find(tokens) !== -1);
      const [payload = ''] = left.splice(find(tokens), 1);
      const end = payload.indexOf('\r\n');
      return { tokens: (end === -1 ? payload : payload.slice(0, end)).split('|'), text: end === -1 ? '' : payload.slice(end + 2) };
    },
    has: (...tokens) => find(tokens) !== -1,
    order,
    ended,
    pause: () => socket.pause(),
    close: () => socket.destroy(),
  };
}

/** One that has authenticated, with tags if there are any, and registered for `verbs`. */
export async function openAuthenticated(t: Test, edge: Edge, verbs: readonly string[] = [], tags = ''): Promise<RawApp> {
  const app = await openRawApp(t, edge);
  app.send(`a1|authenticate|cymru|${tags}`);
  await app.take('response', 'a1', 'OK');
  for (const verb of verbs) {
    app.send(`r-${verb}|route|${verb}`);
    await app.take('response', `r-${verb}`, 'OK');
  }
  return app;
}
