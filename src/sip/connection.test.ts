import { once, type EventEmitter } from 'node:events';
import type Srf from 'drachtio-srf';
import t from 'tap';
import { openCable } from '../edge/cable.fixture.js';
import { openEdge } from '../edge/index.js';
import { openParty } from '../edge/party.fixture.js';
import { connectSip, type EdgeCounts } from './connection.js';
import { hangUp, requestInDialog } from './dialogs.js';

const anyPort = [{ transport: 'udp', host: '127.0.0.1', port: 0 } as const];
const quiet = { onCrash: () => undefined, onTrouble: () => undefined };
const server = () => openEdge({ listen: anyPort, admin: { host: '127.0.0.1', port: 0 }, secret: 'right' });

t.test('sip.drachtio: the role connects to the server named there and opens no edge of its own', async (t) => {
  const edge = await server();
  t.teardown(() => edge.close());
  const connection = await connectSip({ settings: { listen: anyPort, drachtio: { ...edge.admin, secret: 'right' } }, ...quiet });
  t.ok(connection.healthy());
  t.strictSame(connection.contacts, []);
  await connection.close();
});

t.test('sip.drachtio with a wrong secret, or where nobody listens, is a failure that says what to look at', async (t) => {
  const edge = await server();
  t.teardown(() => edge.close());
  const wrong = connectSip({ settings: { listen: anyPort, drachtio: { ...edge.admin, secret: 'wrong' } }, ...quiet });
  await t.rejects(wrong, { code: 'EDGE_LOST', message: /secret/ });
});

t.test('the embedded edge: a dialog between two roles carries requests, and counts what it cannot read', async (t) => {
  const callee = await connectSip({ settings: { listen: anyPort }, ...quiet });
  const caller = await connectSip({ settings: { listen: anyPort }, ...quiet });
  t.teardown(() => Promise.all([callee.close(), caller.close()]));
  const where = /^udp:(.*)$/.exec(callee.contacts[0] ?? '')?.[1] ?? '';
  const asked = new Promise<string>((resolve) => {
    callee.srf.invite((request, response) => {
      void callee.srf.createUAS(request, response, { localSdp: request.body }).then((dialog) => {
        dialog.on('info', (info, answer) => {
          resolve(info.body);
          answer.send(488, 'Not This', {});
        });
      });
    });
  });
  const dialog = await caller.srf.createUAC(`sip:callee@${where}`, { localSdp: 'v=0\r\n' });
  const answer = await requestInDialog(dialog, { method: 'INFO', headers: { 'Content-Type': 'text/plain' }, body: 'are you there' });
  t.equal(await asked, 'are you there');
  t.strictSame([answer.status, answer.reason], [488, 'Not This'], 'a refusal is an answer, not a failure');
  t.match(await callee.counts(), { rejected: { malformed: 0 }, tlsFailed: {} });
});

t.test('a dialog survives the loss of the connection to the edge: it is re-INVITEd and hung up over the next one', async (t) => {
  const edge = await server();
  t.teardown(() => edge.close());
  const cable = await openCable(t, edge);
  const connection = await connectSip({ settings: { listen: [], drachtio: { host: '127.0.0.1', port: cable.port, secret: 'right' } }, ...quiet });
  t.teardown(() => connection.close());
  const { srf } = connection;
  const party = await openParty(t);
  const called = new Promise<Srf.Dialog>((resolve) => {
    srf.invite((request, response) => void srf.createUAS(request, response, { localSdp: request.body }).then(resolve));
  });
  const uac = await party.srf.createUAC(`sip:callee@127.0.0.1:${edge.listening[0]?.port ?? 0}`, { localSdp: 'v=0\r\n' });
  const ended = new Promise((resolve) => uac.once('destroy', resolve));
  const dialog = await called;
  const closed = once(srf as unknown as EventEmitter, 'close');
  cable.cut();
  await closed;
  const back = once(srf as unknown as EventEmitter, 'connect');
  cable.mend();
  await back;
  t.ok(connection.healthy());
  uac.once('modify', (_request: Srf.SrfRequest, response: Srf.SrfResponse) => {
    response.send(200, { body: 'v=0\r\n' });
  });
  t.equal((await requestInDialog(dialog, { method: 'INVITE', body: 'v=0\r\n' })).status, 200);
  await hangUp(dialog);
  await ended;
  t.equal((await edge.stats()).dialogs, 0);
});

t.test('strangers may begin so many requests at once and no more; who is known, as many as they like', async (t) => {
  const statuses = async (sources: readonly string[]): Promise<{ readonly answered: Record<string, number>; readonly counted: EdgeCounts }> => {
    const connection = await connectSip({ settings: { listen: anyPort, strangersPerSecond: 1 }, known: { sources, answersOthers: true }, ...quiet });
    connection.srf.use('options', (_request, response) => response.send(200));
    const party = await openParty(t);
    const where = /^udp:(.*)$/.exec(connection.contacts[0] ?? '')?.[1] ?? '';
    const answered: Record<string, number> = {};
    for (let left = 8; left > 0; left -= 1) {
      // With a callback: the answer may come in one read with the news that the request has gone out.
      const status = await new Promise<number>((resolve) => {
        const ask = party.srf.request.bind(party.srf) as unknown as (uri: string, options: object, sent: (error: unknown, request: EventEmitter) => void) => void;
        ask(`sip:${where}`, { method: 'OPTIONS' }, (_error, request) => request.on('response', (response: Srf.SrfResponse) => resolve(response.status)));
      });
      answered[status] = (answered[status] ?? 0) + 1;
    }
    const counted = await connection.counts();
    await connection.close();
    return { answered, counted };
  };
  const strange = await statuses(['192.0.2.1']);
  t.match(strange, { answered: { 200: 5, 503: 3 }, counted: { rejected: { 'rate-limited': 3, overload: 0 } } });
  t.strictSame((await statuses(['127.0.0.0/8'])).answered, { 200: 8 });
});
