import t from 'tap';
import { guessRollOver, packetIndex, SearchCredit } from './roll-over.js';

t.test('RFC 3711 §3.3.1: the estimate on both sides of each branch', (t) => {
  const cases: [string, number, number, number, number][] = [
    // what, highest sequence number, its roll-over counter, sequence number, expected
    ['just after', 10, 3, 11, 3],
    ['just before', 10, 3, 9, 3],
    ['low highest, far ahead by half', 0, 3, 0x8000, 3],
    ['low highest, over half ahead: before the wrap', 0, 3, 0x8001, 2],
    ['highest at 32,767, the last one', 0x7fff, 3, 0xffff, 3],
    ['highest at 32,768, the first one', 0x8000, 3, 0, 3],
    ['high highest, over half behind: after the wrap', 0x8001, 3, 0, 4],
    ['the wrap itself', 0xffff, 3, 0, 4],
    ['back over the wrap', 0, 4, 0xffff, 3],
  ];
  for (const [what, highest, rollOver, sequenceNumber, expected] of cases) {
    t.equal(guessRollOver(sequenceNumber, packetIndex(rollOver, highest)), expected, what);
  }
  t.end();
});

t.test('the estimate stays within the 32 bits of the counter', (t) => {
  t.equal(guessRollOver(0xffff, packetIndex(0, 0)), 0);
  t.equal(guessRollOver(0, packetIndex(0xffffffff, 0xffff)), 0xffffffff);
  t.equal(guessRollOver(0x1234, undefined), 0, 'a source not heard yet');
  t.end();
});

t.test('searches that fail are paid for by packets, good ones eight and bad ones sixty-four', (t) => {
  const credit = new SearchCredit();
  const spend = (): number => {
    let searches = 0;
    while (credit.allowsSearch) {
      credit.failed(true);
      searches += 1;
    }
    return searches;
  };
  t.equal(spend(), 16);
  for (let n = 0; n < 64; n += 1) credit.failed(false);
  t.equal(spend(), 1);
  for (let n = 0; n < 8; n += 1) credit.authenticated();
  t.equal(spend(), 1);
  for (let n = 0; n < 100_000; n += 1) credit.authenticated();
  t.equal(spend(), 16, 'no more can be saved up');
  t.end();
});
