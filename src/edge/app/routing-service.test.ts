import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { systemClock } from '../timing.js';
import { RoutingService, type Answer } from './routing-service.js';

t.test('questions to a service are bounded, and room is made by answers and by those called off', async (t) => {
  const waiting: (() => void)[] = [];
  const server = createServer((_request, response) => waiting.push(() => response.end('{}')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const service = new RoutingService(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'GET', true, systemClock, 20_000);
  t.teardown(() => {
    service.close();
    server.close();
    server.closeAllConnections();
  });
  const refused: Answer[] = [];
  const question = { query: [['a', 'b']], text: '' } as const;
  const callOff = Array.from({ length: 1_030 }, () => service.ask(question, (answer) => refused.push(answer)));
  t.strictSame(refused, Array.from({ length: 6 }, () => ({ kind: 'too-many' })));
  callOff[0]?.();
  callOff[0]?.();
  const answered = new Promise<Answer>((resolve) => service.ask(question, resolve));
  t.equal(refused.length, 6);
  const one: Answer[] = [];
  service.ask(question, (answer) => one.push(answer));
  t.strictSame(one, [{ kind: 'too-many' }], 'calling off twice makes room once');
  for (const each of callOff) each();
  while (waiting.length === 0) await new Promise((resolve) => { setImmediate(resolve); });
  const release = setInterval(() => {
    for (const end of waiting.splice(0)) end();
  }, 5);
  t.strictSame(await answered, { kind: 'text', text: '{}' });
  clearInterval(release);
});
