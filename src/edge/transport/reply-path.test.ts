import t from 'tap';
import type { Path } from './path.js';
import { ReplyPath } from './reply-path.js';
import type { Hop } from './server-location.js';

/** Paths that note what they are to send, and fail where they are told to. */
function scene(failing: readonly string[], sentBy: { host: string; port: number | undefined }, places: readonly string[] = []) {
  const log: string[] = [];
  const at = (name: string, open = true): Path => ({
    protocol: 'tls', address: '192.0.2.1', port: 40_000, local: { address: '192.0.2.9', port: 5061 }, open, identity: [name],
    send: (_text, failed) => {
      log.push(name);
      if (failing.includes(name)) failed('ECONNRESET');
    },
  });
  const path = (open: boolean): Path => new ReplyPath(at('came', open), sentBy, {
    connect: ({ address, port, name }) => at(`${address}:${port} ${name}`),
    locate: (_sentBy, _protocol, done) => done(places.map((address): Hop => ({ protocol: 'tls', address, port: 5061, name: sentBy.host, free: false }))),
  });
  const send = (reply: Path): string[] => {
    log.length = 0;
    reply.send('SIP/2.0 200 OK', (cause) => log.push(`failed ${cause}`));
    return [...log];
  };
  return { path, send };
}

t.test('a response goes on its connection while that holds, and keeps to the new one when it does not (RFC 3261 §18.2.2)', (t) => {
  const { path, send } = scene(['came'], { host: 'peer.test', port: 5070 });
  const reply = path(true);
  t.strictSame(send(reply), ['came', '192.0.2.1:5070 peer.test']);
  t.strictSame(send(reply), ['192.0.2.1:5070 peer.test']);
  t.strictSame(send(path(false)), ['192.0.2.1:5070 peer.test'], 'what is known to be closed is not tried');
  t.end();
});

t.test('what is named in the Via is looked for last, three places at most; an address in it is not (RFC 3263 §5)', (t) => {
  const named = scene(['came', '192.0.2.1:5061 peer.test', '192.0.2.2:5061 peer.test'], { host: 'peer.test', port: undefined }, ['192.0.2.2', '192.0.2.3', '192.0.2.4']);
  t.strictSame(named.send(named.path(true)), ['came', '192.0.2.1:5061 peer.test', '192.0.2.2:5061 peer.test', '192.0.2.3:5061 peer.test']);
  const everywhere = ['came', ...[1, 2, 3, 4, 5].map((i) => `192.0.2.${i}:5061 peer.test`)];
  const lost = scene(everywhere, { host: 'peer.test', port: undefined }, ['192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.2.5']);
  t.equal(lost.send(lost.path(true)).join(', '), [...everywhere.slice(0, 5), 'failed ECONNRESET'].join(', '));
  const inside = scene(['came', '192.0.2.1:5061 10.0.0.1'], { host: '10.0.0.1', port: undefined }, ['192.0.2.2']);
  t.strictSame(inside.send(inside.path(true)), ['came', '192.0.2.1:5061 10.0.0.1', 'failed ECONNRESET']);
  t.end();
});
