import fc from 'fast-check';
import t from 'tap';
import { compactNtp, ntpFromUnixMs, unixMsFromNtp } from './ntp.js';

t.test('1970 is 2,208,988,800 s after 1900 (RFC 5905, figure 4)', (t) => {
  t.equal(ntpFromUnixMs(0), 2_208_988_800n << 32n);
  t.equal(unixMsFromNtp(2_208_988_800n << 32n), 0);
  t.end();
});

t.test('halves and quarters of a second are exact', (t) => {
  t.equal(ntpFromUnixMs(1500), (2_208_988_801n << 32n) + 0x8000_0000n);
  t.equal(ntpFromUnixMs(-250), (2_208_988_799n << 32n) + 0xc000_0000n);
  t.end();
});

t.test('the second era begins on 7 February 2036 at 06:28:16', (t) => {
  const instant = Date.UTC(2036, 1, 7, 6, 28, 16);
  t.equal(ntpFromUnixMs(instant), 0n);
  t.equal(unixMsFromNtp(0n), instant);
  t.equal(unixMsFromNtp(ntpFromUnixMs(instant - 1000)), instant - 1000);
  t.end();
});

t.test('there and back keeps a microsecond, from 1968 to 2104', (t) => {
  const instant = fc.double({ min: Date.UTC(1968, 0, 21), max: Date.UTC(2104, 0, 1), noNaN: true });
  fc.assert(fc.property(instant, (ms) => Math.abs(unixMsFromNtp(ntpFromUnixMs(ms)) - ms) < 0.001));
  t.equal(unixMsFromNtp(ntpFromUnixMs(1_700_000_000_123.999)).toFixed(3), '1700000000123.999');
  t.end();
});

t.test('a fraction that rounds up carries into the seconds', (t) => {
  t.equal(ntpFromUnixMs(999.99999999999), 2_208_988_801n << 32n);
  t.end();
});

t.test('RFC 3550 §6.4.1: the middle 32 bits', (t) => {
  t.equal(compactNtp(0xb44d_b705_2000_0000n), 0xb705_2000, 'the example of figure 2');
  t.end();
});
