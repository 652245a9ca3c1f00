import t from 'tap';
import fc from 'fast-check';
import { header } from '../message/encode-message.js';
import { agreeAsClient, agreeAsServer, asksTooLittle, minSeOf, sessionExpiresOf, sessionTable, type SessionEvent, type SessionState } from './session-timer.js';

const carrying = (...pairs: readonly (readonly [string, string])[]) => ({ headers: pairs.map(([name, value]) => header(name, value)) });
const se = (value: string) => carrying(['Session-Expires', value]);

t.test('Session-Expires is read with and without refresher, and what is no number is none', (t) => {
  t.strictSame(sessionExpiresOf(se('1800;refresher=UAS')), { seconds: 1_800, refresher: 'uas' });
  t.strictSame(sessionExpiresOf(se(' 90 ; x=y')), { seconds: 90, refresher: undefined });
  t.strictSame(sessionExpiresOf(se('90;refresher=me')), { seconds: 90, refresher: undefined });
  for (const bad of ['', ';refresher=uac', 'soon', '-1', '99999999999']) t.equal(sessionExpiresOf(se(bad)), undefined, bad);
  t.equal(minSeOf(carrying(['Min-SE', '120;x'])), 120);
  t.equal(minSeOf(carrying()), undefined);
  t.equal(asksTooLittle(se('89')), true);
  t.equal(asksTooLittle(se('90')), false);
  t.equal(asksTooLittle(carrying()), false);
  t.end();
});

t.test('any text as Session-Expires yields an interval in bounds, or none', (t) => {
  fc.assert(fc.property(fc.string(), (value) => {
    const agreed = agreeAsClient(se(value), undefined);
    return typeof agreed === 'string' || (agreed.seconds >= 90 && agreed.seconds <= 86_400);
  }));
  t.end();
});

t.test('as a server, the application decides, then the caller, then what was before', (t) => {
  const before = { seconds: 600, ours: true };
  t.match(agreeAsServer(se('1800;refresher=uac'), se('600;refresher=uas'), undefined), { agreement: { seconds: 600, ours: true }, extra: [] });
  t.match(agreeAsServer(se('1800;refresher=uac'), carrying(), undefined), { agreement: { seconds: 1_800, ours: false } });
  t.match(agreeAsServer(se('1800'), carrying(), before), { agreement: { seconds: 1_800, ours: true }, extra: [{ value: '1800;refresher=uas' }] });
  t.equal(agreeAsServer(se('1800'), carrying(), undefined), undefined);
  t.equal(agreeAsServer(carrying(), carrying(), before), undefined, 'a refresh without the header turns the timer off');
  t.end();
});

t.test('from every state but the last, time being up ends the call, and nothing leads out of the last', (t) => {
  const states = Object.keys(sessionTable) as SessionState[];
  for (const state of states) {
    if (state === 'over') t.strictSame(sessionTable[state], {});
    else t.strictSame(sessionTable[state].expired, ['over', 'hang-up'], state);
  }
  const sendsNothing: SessionEvent[] = ['busy', 'glare', 'refusal'];
  for (const state of states) for (const event of sendsNothing) t.equal(sessionTable[state][event]?.[1], undefined, `${state} ${event}`);
  t.end();
});
