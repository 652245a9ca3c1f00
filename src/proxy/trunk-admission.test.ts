import t from 'tap';
import { TrunkAdmission } from './trunk-admission.js';

t.test('a trunk has so many calls at once; one that ends makes room', (t) => {
  const admission = new TrunkAdmission({ calls: 2 });
  t.strictSame([admission.admit(), admission.admit()], [undefined, undefined]);
  t.match(admission.admit(), /2 calls are in progress/u);
  admission.release();
  t.equal(admission.admit(), undefined);
  t.match(admission.admit(), /2 calls/u, 'a refused one took no room');
  t.end();
});

t.test('a trunk begins so many calls a second, and as many at once after a quiet time', (t) => {
  let now = 1_000;
  const admission = new TrunkAdmission({ callsPerSecond: 10 }, () => now);
  const admitted = (): number => Array.from({ length: 30 }, () => admission.admit()).filter((why) => why === undefined).length;
  t.equal(admitted(), 10);
  t.match(admission.admit(), /more than 10 calls a second/u);
  now += 250;
  t.equal(admitted(), 2);
  now += 60_000;
  t.equal(admitted(), 10);
  t.end();
});

t.test('a rate below one a second lets one begin, then waits', (t) => {
  let now = 0;
  const admission = new TrunkAdmission({ callsPerSecond: 0.5 }, () => now);
  t.equal(admission.admit(), undefined);
  now += 1_900;
  t.ok(admission.admit());
  now += 100;
  t.equal(admission.admit(), undefined);
  t.end();
});

t.test('without limits all calls are taken', (t) => {
  const admission = new TrunkAdmission({});
  t.ok(Array.from({ length: 1_000 }, () => admission.admit()).every((why) => why === undefined));
  t.end();
});
