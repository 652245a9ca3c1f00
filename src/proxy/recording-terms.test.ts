import t from 'tap';
import { policySettings } from '../policy/index.js';
import { recordingSettings } from './recording-settings.js';
import { termsOf, wishesOn } from './recording-terms.js';

const recording = recordingSettings.parse({ recorder: 'sip:a@127.0.0.1', recorders: { north: { uris: ['sip:n1@127.0.0.1', 'sip:n2@127.0.0.1'] } } });
const settings = { recording, retention: { long: { days: 2 }, ever: {} } };
const terms = (said: object, with_ = settings) => termsOf(policySettings.parse({ otherwise: said }).otherwise, with_, 1_000);

t.test('a rule that names nothing has the one recorder and keeps without an end', (t) => {
  t.strictSame(terms({}), { members: [{ uri: 'sip:a@127.0.0.1', priority: 1 }], redundancy: 'primary-backup', retention: { class: 'standard' }, dtmfMasked: false, unknown: [] });
  t.end();
});

t.test('primary-backup may ask all recorders of the group in their order, single the first', (t) => {
  t.strictSame(terms({ recorders: { group: 'north' } }).members, [{ uri: 'sip:n1@127.0.0.1', priority: 1 }, { uri: 'sip:n2@127.0.0.1', priority: 2 }]);
  t.strictSame(terms({ recorders: { group: 'north', redundancy: 'single' } }).members, [{ uri: 'sip:n1@127.0.0.1', priority: 1 }]);
  const whole = recordingSettings.parse({ recorders: { default: { uris: ['sip:d1@127.0.0.1', 'sip:d2@127.0.0.1'] } } });
  t.strictSame(terms({}, { ...settings, recording: whole }).members.map(({ uri }) => uri), ['sip:d1@127.0.0.1', 'sip:d2@127.0.0.1']);
  t.end();
});

t.test('a class keeps for its days from the beginning of the call', (t) => {
  t.strictSame(terms({ retention: 'long' }).retention, { class: 'long', untilMs: 1_000 + 2 * 86_400_000 });
  t.strictSame(terms({ retention: 'ever' }).retention, { class: 'ever' });
  t.end();
});

t.test('a name that the configuration does not have is told, and the default taken; names of JavaScript are none', (t) => {
  for (const name of ['south', 'constructor', '__proto__', 'toString']) {
    const { unknown, ...taken } = terms({ recorders: { group: name }, retention: name });
    t.strictSame(taken, { members: [{ uri: 'sip:a@127.0.0.1', priority: 1 }], redundancy: 'primary-backup', retention: { class: 'standard' }, dtmfMasked: false });
    t.match(unknown, [`there is no group "${name}" in recording.recorders`, `there is no class "${name}" in retention`]);
  }
  t.end();
});

t.test('the recorder is told the terms that it would not keep by itself, and of an ordinary call nothing', (t) => {
  t.equal(wishesOn(terms({}), undefined), undefined);
  const nothing = { keep: true, pauses: [], said: [], tags: {} };
  t.strictSame(wishesOn(terms({ retention: 'ever' }), undefined), { ...nothing, retention: { class: 'ever' } });
  t.strictSame(wishesOn(terms({ dtmfMasked: true }), undefined), { ...nothing, retention: { class: 'standard' }, dtmfMasked: true });
  t.match(wishesOn(terms({ dtmfMasked: true }), { ...nothing, keep: false, tags: { a: 'b' } }), { keep: false, tags: { a: 'b' }, dtmfMasked: true });
  t.end();
});
