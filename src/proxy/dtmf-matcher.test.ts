import t from 'tap';
import { DtmfMatcher, saysAnything } from './dtmf-matcher.js';

const sequences = { start: '*1', stop: '*2', pause: '*33', resume: undefined };
/** What keys say that come one every `everyMs`. */
const said = (keys: string, everyMs = 200): (string | undefined)[] => {
  const matcher = new DtmfMatcher(sequences);
  return Array.from(keys).map((key, at) => matcher.press(key, at * everyMs)).filter((step) => step !== undefined);
};

t.test('sequences are found wherever they stand among other keys, each once', (t) => {
  for (const [keys, steps] of [
    ['*1', ['start']],
    ['*2*1', ['stop', 'start']],
    ['**1', ['start']],
    ['4711*33', ['pause']],
    ['*3', []],
    ['1*', []],
    ['*11', ['start']],
    ['*9', []],
    ['', []],
  ] as const) {
    t.strictSame(said(keys), steps, keys);
  }
  t.end();
});

t.test('keys belong together when they come within 3 s of each other', (t) => {
  t.strictSame(said('*33', 3_000), ['pause']);
  t.strictSame(said('*33', 3_001), []);
  t.end();
});

t.test('without sequences nothing is said', (t) => {
  t.equal(new DtmfMatcher({}).press('*', 0), undefined);
  t.strictSame([saysAnything({}), saysAnything({ start: undefined }), saysAnything(sequences)], [false, false, true]);
  t.end();
});
