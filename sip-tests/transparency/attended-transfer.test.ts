/**
 * Attended transfer over calls through the product (RFC 5589 §7, RFC 3891): A talks to B, consults C in another call,
 * and refers B to C; B's call to C replaces the one that C has with A, which C hangs up. SIPp is all of them.
 *
 * What A calls its dialog with C and what C calls it are the same when the calls are proxied. Back to back they are
 * two dialogs: B has to be given the name that C knows.
 */
import t from 'tap';
import { until } from '../support/product.js';
import { passages, withoutAddedSessionId } from './comparison.js';
import type { Logged } from './message-log.js';
import { modes, openTestbed, type End } from './testbed.js';

const answerTo = (messages: readonly Logged[]): Logged | undefined =>
  messages.find(({ startLine, headers }) => startLine === 'SIP/2.0 200 OK' && headers.get('cseq')?.endsWith(' INVITE') === true);

const tagIn = (message: Logged | undefined, header: string): string => /;tag=([^;>\s]+)/u.exec(message?.headers.get(header) ?? '')?.[1] ?? '';

/** The dialog of an end's first call, as Replaces names it to that end or to its peer (RFC 3891 §3). */
function dialogOf(end: End, tags: { readonly to: 'to' | 'from'; readonly from: 'to' | 'from' }): string {
  const answer = answerTo(end.messages());
  return `${answer?.headers.get('call-id') ?? ''};to-tag=${tagIn(answer, tags.to)};from-tag=${tagIn(answer, tags.from)}`;
}

/** The value of Replaces in the URI of a Refer-To, as it was before it was escaped. */
const referredTo = (message: Logged | undefined): string => decodeURIComponent(/[?&]Replaces=([^&>]*)/iu.exec(message?.headers.get('refer-to') ?? '')?.[1] ?? '');

function lessReferTo(facts: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> | undefined {
  return facts?.['refer-to'] === undefined ? facts : { ...facts, 'refer-to': facts['refer-to'].replace(/(Replaces=)[^&>]*/iu, '$1') };
}

t.test('attended transfer', { timeout: 120_000 }, async (t) => {
  const bed = await openTestbed(['attended-transfer', 'consultation']);
  t.teardown(() => bed.close());
  for (const mode of modes) {
    await t.test(`${mode}: the call that is to be replaced is named as the third party knows it, in the REFER and in the INVITE that replaces it`, async (t) => {
      // Of the third party: the call that is consulted, and the one that replaces it.
      const third = await bed.start('uas', 'consultation', mode, { calls: 2 });
      const consulting = await bed.start('uac', 'consultation', mode);
      await until(() => Promise.resolve(answerTo(consulting.messages()) !== undefined), 'the third party has answered');
      // The one who replaces is to the third party what the one who consulted was: `to` is the third party itself.
      const asConsulted = dialogOf(consulting, { to: 'to', from: 'from' });
      const asThirdKnows = dialogOf(third, { to: 'to', from: 'from' });

      const transferred = await bed.start('uas', 'attended-transfer', mode);
      const transferring = await bed.start('uac', 'attended-transfer', mode, { values: { ESCAPED: encodeURIComponent(asConsulted) } });
      const refer = (): Logged | undefined => transferred.messages().find(({ sent, startLine }) => !sent && startLine.startsWith('REFER '));
      await until(() => Promise.resolve(refer() !== undefined), 'the callee is referred');
      t.equal(referredTo(refer()), asThirdKnows);
      if (mode === 'proxied') t.equal(asConsulted, asThirdKnows);
      else t.not(asConsulted, asThirdKnows);

      const replacing = await bed.start('uac', 'replacing', mode, { trunkOf: 'consultation', values: { REPLACES: referredTo(refer()) } });
      for (const end of [replacing, consulting, third, transferring, transferred]) t.equal(await end.ended, '', 'it saw what its scenario says');
      const replaces = third.messages().filter(({ sent, startLine }) => !sent && startLine.startsWith('INVITE '))[1]?.headers.get('replaces');
      t.equal(replaces, asThirdKnows, 'the INVITE that replaces names what the third party has');
      const [caller, callee] = [transferring.messages(), transferred.messages()];
      for (const { kind, sent, received } of [...passages(caller, callee, mode, []), ...passages(callee, caller, mode, [])].map(withoutAddedSessionId)) {
        t.strictSame(lessReferTo(received), lessReferTo(sent), `${kind} arrives as it was sent, but for the name of the dialog`);
      }
    });
  }
});
