import t, { type Test } from 'tap';
import { Failure } from '../errors/index.js';
import { Capacity, type CapacityProbes } from './capacity.js';

function open(t: Test, probes: Partial<CapacityProbes>): { capacity: Capacity; told: string[] } {
  const told: string[] = [];
  const capacity = new Capacity({
    folder: '/captures',
    leastFreeBytes: 100_000_000,
    onChange: (shortage, detail) => told.push(`${shortage} ${detail === undefined ? 'over' : 'begins'}`),
    probes: { freeBytes: () => Promise.resolve(1e12), descriptors: () => Promise.resolve({ open: 10, limit: 1_024 }), ...probes },
    answerWithinMs: 20,
  });
  t.teardown(() => capacity.close());
  return { capacity, told };
}

t.test('a disk that is nearly full forbids sessions until there is room again, and that is told once each', async (t) => {
  let free = 99_000_000;
  const { capacity, told } = open(t, { freeBytes: () => Promise.resolve(free) });
  await capacity.look();
  await capacity.look();
  t.match(capacity.refusal, { shortage: 'disk', detail: /only 99 MB are free .* 100 are to stay/ });
  t.equal(capacity.alarms.length, 1);
  capacity.opened();
  t.ok(capacity.refusal, 'a session that was opened before does not take that back');
  free = 101_000_000;
  await capacity.look();
  t.equal(capacity.refusal, undefined);
  t.strictSame(told, ['disk begins', 'disk over']);
});

t.test('a disk that is gone, and one that does not answer, forbid sessions', async (t) => {
  for (const freeBytes of [() => Promise.reject(new Error('ENOENT')), () => new Promise<number>(() => undefined)]) {
    const { capacity } = open(t, { freeBytes });
    await capacity.look();
    t.match(capacity.refusal, { shortage: 'disk', detail: /the folder of the captures is not to be had/ });
  }
});

t.test('before descriptors run out no session is taken, so that those that run have theirs', async (t) => {
  let left = 100;
  const { capacity } = open(t, { descriptors: () => Promise.resolve({ open: 1_024 - left, limit: 1_024 }) });
  await capacity.look();
  t.match(capacity.refusal, { shortage: 'descriptors', detail: /924 of 1024 descriptors are open/ });
  left = 200;
  await capacity.look();
  t.equal(capacity.refusal, undefined);
});

t.test('where the system does not tell its descriptors nothing is said of them', async (t) => {
  const { capacity } = open(t, { descriptors: () => Promise.reject(new Error('no /proc')) });
  await capacity.look();
  t.strictSame(capacity.alarms, []);
});

t.test('a session that could not be opened is an alarm until one opens; the next is tried all the same', (t) => {
  const { capacity, told } = open(t, {});
  const errno = (code: string): { cause: Error } => ({ cause: Object.assign(new Error(code), { code }) });
  t.equal(capacity.failed(new Failure('PORTS_EXHAUSTED', 'no media port is free')), 'ports');
  t.equal(capacity.failed(new Failure('MEDIA_BIND', 'no socket', errno('EMFILE'))), 'descriptors');
  t.equal(capacity.failed(new Failure('CAPTURE_WRITE', 'no file', { facts: { errno: 'EMFILE' } })), 'descriptors');
  t.equal(capacity.failed(new Failure('CAPTURE_WRITE', 'no file', { facts: { errno: 'EROFS' } })), 'disk');
  t.equal(capacity.failed(new Error('a bug')), 'other');
  t.equal(capacity.refusal, undefined);
  t.equal(capacity.alarms.length, 4);
  capacity.opened();
  t.strictSame(capacity.alarms, []);
  t.strictSame(told.filter((one) => one.startsWith('ports')), ['ports begins', 'ports over']);
  t.end();
});

t.test('the machine itself is asked where nothing else is given', async (t) => {
  const capacity = new Capacity({ folder: t.testdir(), leastFreeBytes: 0, onChange: () => undefined });
  t.teardown(() => capacity.close());
  await capacity.look();
  t.strictSame(capacity.alarms, []);
  const full = new Capacity({ folder: t.testdir(), leastFreeBytes: 1e18, onChange: () => undefined });
  t.teardown(() => full.close());
  await full.look();
  t.match(full.refusal, { shortage: 'disk' });
});
