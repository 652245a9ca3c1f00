import { setImmediate } from 'node:timers/promises';
import type Srf from 'drachtio-srf';
import t from 'tap';
import { PendingEndpoint, type PendingEndpoints } from './pending-endpoint.js';

function dialogOf(destroy: (options: object, ended: () => void) => void): { dialog: Srf.Dialog; ended: Promise<void> } {
  let tell: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (tell = resolve));
  const dialog = {
    req: {},
    destroy(options: object, done: () => void) {
      tell();
      destroy(options, done);
    },
  };
  return { ended, dialog: dialog as unknown as Srf.Dialog };
}

t.test('one that is made with the last entry leaves the others alone', (t) => {
  const other = {};
  const pending: PendingEndpoints = new Map([['a', other], ['b', {}]]);
  const endpoint = PendingEndpoint.ofLast(pending);
  t.equal(pending.get('a'), other);
  t.equal(pending.get('b'), endpoint);
  t.equal(PendingEndpoint.ofLast(new Map()), undefined);
  t.end();
});

t.test('what is given up is hung up, whether its INVITE is answered before or after', async (t) => {
  for (const when of ['before', 'after'] as const) {
    const pending: PendingEndpoints = new Map([['a', {}]]);
    const endpoint = PendingEndpoint.ofLast(pending);
    if (endpoint === undefined) throw new Error('there is one');
    const { dialog, ended } = dialogOf((_options, done) => done());
    if (when === 'before') endpoint.dialog = dialog;
    endpoint.giveUp();
    t.equal(pending.size, when === 'before' ? 0 : 1, 'an answer still has to find it');
    if (when === 'after') endpoint.dialog = dialog;
    await ended;
    t.equal(pending.size, 0);
  }
});

t.test('an edge that is not there when it is hung up harms nobody', async (t) => {
  const endpoint = PendingEndpoint.ofLast(new Map([['a', {}]]));
  if (endpoint === undefined) throw new Error('there is one');
  const { dialog, ended } = dialogOf(() => {
    throw new Error('provided socket has been destroyed');
  });
  endpoint.dialog = dialog;
  endpoint.giveUp();
  await ended;
  await setImmediate();
  t.pass('nothing was left to reject');
});

t.test('the timer that drachtio-fsmrf sets never runs', async (t) => {
  const endpoint = PendingEndpoint.ofLast(new Map([['a', {}]]));
  let ran = false;
  const first = setTimeout(() => (ran = true), 1);
  if (endpoint !== undefined) endpoint.connTimeout = first;
  // Timers of one length run in the order in which they were set.
  await new Promise((resolve) => setTimeout(resolve, 1));
  t.equal(ran, false);
});
