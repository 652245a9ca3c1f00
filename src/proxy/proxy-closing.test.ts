/** A proxy that closes, in whatever state its calls are. */
import { once } from 'node:events';
import t from 'tap';
import { type SipRequest } from '../sip/index.js';
import { answers, openBed } from './proxy-bed.fixture.js';

t.test('a proxy that closes hangs up on both sides and says so in the ledger', async (t) => {
  const bed = await openBed(t);
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog: theirs } = await answered;
  const byes = Promise.all([once(ours, 'destroy'), once(theirs, 'destroy')]);
  await bed.proxy.close();
  await byes;
  t.match(await bed.ended(), { outcome: 'interrupted' });
  t.equal(bed.proxy.calls, 0);
});

t.test('a proxy that closes while a call rings answers 503 and cancels the callee', async (t) => {
  const bed = await openBed(t);
  const ringing = new Promise<SipRequest>((resolve) => {
    bed.onInvite((invite, response) => {
      response.send(180);
      resolve(invite);
    });
  });
  const outcome = bed.call().then(
    () => 200,
    (error: unknown) => (error as { status: number }).status,
  );
  const invite = await ringing;
  const cancelled = new Promise<void>((resolve) => invite.on('cancel', () => resolve()));
  await bed.proxy.close();
  await cancelled;
  t.equal(await outcome, 503);
  t.match(await bed.ended(), { outcome: 'interrupted', recording: 'excluded' });
});

t.test('a proxy that closes at the very moment of the answer ends the call on both sides', async (t) => {
  let close: () => void = () => undefined;
  // The recorder is asked while the answer is on its way to the caller.
  const closed = new Promise<void>((resolve) => (close = resolve));
  const bed = await openBed(t, {
    recorder: (_request, response) => {
      close();
      response.send(503);
    },
  });
  const answered = answers(bed);
  const outcome = bed.call().then(
    (dialog) => once(dialog, 'destroy').then(() => 'hung up'),
    (error: unknown) => String((error as { status: number }).status),
  );
  const theirs = answered.then(({ dialog }) => once(dialog, 'destroy'));
  await closed;
  await bed.proxy.close();
  t.match(await outcome, /hung up|503/);
  await theirs;
  t.match(await bed.ended(), { outcome: 'interrupted' });
});

t.test('a proxy that closes does not wait for a far end that is gone', async (t) => {
  const bed = await openBed(t, { ownCaller: true });
  const answered = answers(bed);
  await bed.call();
  await answered;
  await bed.caller.close();
  const startedAt = performance.now();
  await bed.proxy.close();
  t.ok(performance.now() - startedAt < 10_000, 'seconds, not the 32 that a BYE is repeated for');
  t.match(await bed.ended(), { outcome: 'interrupted' });
});

t.test('a call of which neither party sends anything any more is ended on both sides, and the ledger says why', async (t) => {
  const bed = await openBed(t, { mediaTimeoutSeconds: 1 });
  const answered = answers(bed);
  const ours = await bed.call();
  const { dialog: theirs } = await answered;
  const [toCaller, toCallee] = await Promise.all([ours, theirs].map(async (dialog) => ((await once(dialog, 'destroy')) as [SipRequest])[0].get('reason')));
  t.match([toCaller, toCallee], ['SIP;cause=408;text="no media"', 'SIP;cause=408;text="no media"']);
  t.match(await bed.ended(), { outcome: 'interrupted', reason: 'neither party has sent any media for 1 s' });
});
