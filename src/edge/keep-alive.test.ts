import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { openQuietEdge, until } from './party.fixture.js';

const binding = Buffer.from('000100002112a442b7e7a701bc34d686fa87dfae', 'hex');

async function openSocket(t: Test, address: string) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return socket;
}

for (const [address, family] of [['127.0.0.1', 1], ['::1', 2]] as const) {
  t.test(`a STUN binding request on the SIP port gets its own address back, at ${address} (RFC 5626 §3.5.2)`, async (t) => {
    const edge = await openQuietEdge(t, {}, { listen: [{ transport: 'udp', host: address, port: 0 }] });
    const socket = await openSocket(t, address);
    socket.send(binding, edge.listening[0]?.port ?? 0, address);
    const [answer] = (await once(socket, 'message')) as [Buffer];
    t.equal(answer.readUInt16BE(0), 0x0101);
    t.equal(answer.readUInt8(25), family);
    t.equal(answer.readUInt16BE(26) ^ 0x2112, socket.address().port);
    t.match(await edge.stats(), { received: 0, malformed: {} }, 'it is no SIP message');
  });
}

t.test('line ends alone in a datagram are a keep-alive: no answer, no fault (RFC 5626 §3.5.1)', async (t) => {
  const edge = await openQuietEdge(t);
  const socket = await openSocket(t, '127.0.0.1');
  let answers = 0;
  socket.on('message', () => {
    answers += 1;
  });
  const port = edge.listening[0]?.port ?? 0;
  for (const text of ['\r\n', '\r\n\r\n', '\r\n\r\n\r\n']) socket.send(text, port, '127.0.0.1');
  socket.send(binding, port, '127.0.0.1');
  await until('the answer to what came last', () => answers === 1);
  t.match(await edge.stats(), { malformed: {} });
});

t.test('sources that are not heard get no answer to STUN either', async (t) => {
  const edge = await openQuietEdge(t, {}, { silentUnless: ['127.0.0.2'] });
  const [stranger, known] = await Promise.all([openSocket(t, '127.0.0.1'), openSocket(t, '127.0.0.2')]);
  let answers = 0;
  stranger.on('message', () => {
    answers += 1;
  });
  const port = edge.listening[0]?.port ?? 0;
  stranger.send(binding, port, '127.0.0.1');
  known.send(binding, port, '127.0.0.1');
  await once(known, 'message');
  t.equal(answers, 0);
});
