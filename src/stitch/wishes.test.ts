import t from 'tap';
import type { CaptureControl } from '../capture/index.js';
import { wishesOf } from './wishes.js';

const control = (keep: boolean, more: Partial<CaptureControl> = {}): CaptureControl => ({ keep, pauses: [], said: [], tags: {}, ...more });
const capture = (said: CaptureControl | undefined, fromMs = 0): { control: CaptureControl | undefined; fromMs: number } => ({ control: said, fromMs });

t.test('whether a session is kept, by what its captures say', (t) => {
  for (const [name, captures, keep] of [
    ['a capture that says nothing is of another maker, or of a call that is always recorded', [capture(undefined)], true],
    ['nobody asked', [capture(control(false))], false],
    ['somebody asked', [capture(control(true))], true],
    ['two captures, and nobody asked in either', [capture(control(false)), capture(control(false))], false],
    ['the recorder died before anybody asked, the next one heard of it', [capture(control(false)), capture(control(true))], true],
    ['another recorder of the same session keeps all', [capture(control(false)), capture(undefined)], true],
    ['one that was killed before its first write has no say', [capture(control(false)), capture(undefined, Number.POSITIVE_INFINITY)], false],
    ['none holds anything: that is told as lost', [capture(undefined, Number.POSITIVE_INFINITY)], true],
  ] as const) {
    t.equal(wishesOf(captures).keep, keep, name);
  }
  t.end();
});

t.test('what two captures of one call tell alike is told once, in order', (t) => {
  const said = [{ atMs: 2, command: 'start', by: 'http' }];
  const wishes = wishesOf([
    capture(control(true, { said: [...said, { atMs: 9, command: 'pause', by: 'http' }], pauses: [{ fromMs: 9 }], tags: { a: '1' } })),
    capture(control(true, { said, pauses: [{ fromMs: 3, toMs: 4 }], tags: { b: '2' } })),
  ]);
  t.strictSame(wishes.said.map(({ command }) => command), ['start', 'pause']);
  t.strictSame(wishes.pauses, [{ fromMs: 3, toMs: 4 }, { fromMs: 9, toMs: Number.POSITIVE_INFINITY }]);
  t.strictSame(wishes.tags, { a: '1', b: '2' });
  t.end();
});

t.test('of several retentions the longest holds, in whichever order the captures are read; one that says none keeps without an end', (t) => {
  const kept = (name: string, untilMs?: number) => capture(control(true, { retention: { class: name, ...(untilMs === undefined ? {} : { untilMs }) } }));
  for (const [name, captures, retention] of [
    ['none says any', [capture(undefined)], { class: 'standard' }],
    ['one', [kept('short', 5)], { class: 'short', untilMs: 5 }],
    ['the later end', [kept('short', 5), kept('long', 9)], { class: 'long', untilMs: 9 }],
    ['without an end', [kept('long', 9), kept('ever')], { class: 'ever' }],
    ['beside one that says none', [kept('long', 9), capture(undefined)], { class: 'standard' }],
    ['one that was killed before its first write has no say', [kept('long', 9), capture(undefined, Number.POSITIVE_INFINITY)], { class: 'long', untilMs: 9 }],
    ['the same end', [kept('b', 9), kept('a', 9)], { class: 'a', untilMs: 9 }],
  ] as const) {
    t.strictSame(wishesOf(captures).retention, retention, name);
    t.strictSame(wishesOf([...captures].reverse()).retention, retention, `${name}, reversed`);
  }
  t.end();
});

t.test('keys that one capture masks are masked', (t) => {
  t.equal(wishesOf([capture(control(true))]).dtmfMasked, false);
  t.equal(wishesOf([capture(undefined), capture(control(true, { dtmfMasked: true })), capture(control(true))]).dtmfMasked, true);
  t.end();
});
