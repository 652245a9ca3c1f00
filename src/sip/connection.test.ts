import t from 'tap';
import { openEdge } from '../edge/index.js';
import { connectSip } from './connection.js';
import { requestInDialog } from './dialogs.js';

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
  t.equal(await callee.malformed(), 0);
});
