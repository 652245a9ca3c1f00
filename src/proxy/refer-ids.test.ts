import t from 'tap';
import { ReferIds } from './refer-ids.js';

t.test('a NOTIFY names the REFER by the number that it had where it came from (RFC 3515 §2.4.6)', (t) => {
  const ids = new ReferIds();
  ids.passed('64078 REFER', '2 REFER');
  for (const [event, expected] of [
    ['refer;id=2', 'refer;id=64078'],
    ['Refer ; x=y;id = 2;z', 'Refer ; x=y;id = 64078;z'],
    ['refer', 'refer'],
    ['refer;id=3', 'refer;id=3'],
    ['dialog;id=2', 'dialog;id=2'],
  ] as const) {
    t.strictSame(ids.translate({ event, 'Subscription-State': 'active' }), { event: expected, 'Subscription-State': 'active' });
  }
  t.end();
});

t.test('of very many REFERs the oldest are forgotten', (t) => {
  const ids = new ReferIds();
  for (let i = 1; i <= 40; i += 1) ids.passed(`${1_000 + i} REFER`, `${i} REFER`);
  t.equal(ids.translate({ Event: 'refer;id=40' })['Event'], 'refer;id=1040');
  t.equal(ids.translate({ Event: 'refer;id=1' })['Event'], 'refer;id=1');
  t.end();
});
