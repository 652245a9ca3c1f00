import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import t from 'tap';
import { standardLimits, type ConnectionLimits } from './connection-limits.js';
import { standingClock } from './standing-clock.fixture.js';
import { StreamConnection } from './stream-connection.js';

/** A socket that says when it is ready, and notes what is written to it. */
class FakeSocket extends EventEmitter {
  readonly written: string[] = [];
  readonly writableLength = 0;
  write(text: string, _encoding: string, done: (error?: Error | null) => void): void {
    this.written.push(text);
    done(null);
  }
  cork(): void {}
  uncork(): void {}
  setNoDelay(): void {}
  setKeepAlive(): void {}
  setTimeout(): void {}
  destroy(): void {
    this.emit('close');
  }
}

function open(limits: Partial<ConnectionLimits> = {}, all = { unsentBytes: 0 }) {
  const socket = new FakeSocket();
  const clock = standingClock();
  const place = { address: '192.0.2.1', port: 5061 };
  const connection = new StreamConnection(
    socket as unknown as Socket, { protocol: 'tls', peer: place, local: place, readyOn: 'secureConnect', identity: () => ['a.test'] },
    { ...standardLimits, ...limits }, clock, { arrived: () => undefined, broken: () => undefined, closed: () => undefined }, all,
  );
  const causes: string[] = [];
  const send = (text: string): void => connection.path.send(text, (cause) => causes.push(cause));
  return { socket, clock, connection, causes, send };
}

t.test('nothing is written, and nobody identified, before the handshake is over; then all of it in order', (t) => {
  const { socket, connection, send, causes } = open();
  send('one');
  send('two');
  t.strictSame(socket.written, []);
  t.equal(connection.path.identity, undefined);
  socket.emit('secureConnect');
  send('three');
  t.strictSame(socket.written, ['one', 'two', 'three']);
  t.strictSame(connection.path.identity, ['a.test']);
  t.strictSame(causes, []);
  t.end();
});

t.test('a connection that is not ready in 8 s is given up, and what waited is told so', (t) => {
  const { socket, clock, send, causes, connection } = open();
  send('one');
  clock.advance(7_999);
  t.strictSame(causes, []);
  clock.advance(1);
  t.strictSame(causes, ['ETIMEDOUT']);
  t.strictSame(socket.written, []);
  t.equal(connection.path.open, false);
  send('late');
  t.strictSame(causes, ['ETIMEDOUT', 'closed']);
  t.end();
});

t.test('no more waits for a connection than may', (t) => {
  const { send, causes } = open({ unsentBytes: 10 });
  send('x'.repeat(11));
  send('y');
  t.strictSame(causes, ['closed', 'unread']);
  t.end();
});

t.test('where too much waits in all, the connection that has much waiting is closed, and what waited counts no more', (t) => {
  const all = { unsentBytes: 0 };
  const limits = { unsentBytes: 160_000, allUnsentBytes: 12_000 };
  const [slow, other] = [open(limits, all), open(limits, all)];
  slow.send('x'.repeat(10_001));
  other.send('y'.repeat(2_000));
  t.strictSame([slow.causes, other.causes], [[], []]);
  other.send('y');
  slow.send('x');
  t.strictSame([slow.causes, other.causes], [['closed', 'unread'], []]);
  t.equal(all.unsentBytes, 2_001);
  other.socket.emit('secureConnect');
  t.equal(all.unsentBytes, 0, 'written');
  t.end();
});
