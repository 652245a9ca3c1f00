import t from 'tap';
import { matchChannel } from './compare.js';

const stereo = Buffer.from(Int16Array.from([0, 9, 1, 9, 2, 9, 3, 8]).buffer);

t.test('samples at their place with their value are counted, those of the other channel are not', (t) => {
  t.strictSame(matchChannel(stereo, 2, 0, 1, Int16Array.of(1, 2, 3)), { sent: 3, identical: 3 });
  t.strictSame(matchChannel(stereo, 2, 1, 0, Int16Array.of(9, 9, 9, 9)), { sent: 4, identical: 3 });
  t.end();
});

t.test('a shift by one sample shows', (t) => {
  t.strictSame(matchChannel(stereo, 2, 0, 0, Int16Array.of(1, 2, 3)), { sent: 3, identical: 0 });
  t.end();
});

t.test('what was sent beyond the end of the recording is not in it', (t) => {
  t.strictSame(matchChannel(stereo, 2, 0, 3, Int16Array.of(3, 0, 0)), { sent: 3, identical: 1 });
  t.strictSame(matchChannel(Buffer.alloc(0), 2, 0, 0, Int16Array.of(0)), { sent: 1, identical: 0 });
  t.end();
});
