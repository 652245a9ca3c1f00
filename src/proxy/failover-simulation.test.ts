import t from 'tap';
import { runSchedule } from './failover-world.fixture.js';

/** Fixed, so that a failure is there again; `npm run fuzz -- failover` runs others. */
const [firstSeed, schedules] = [1, 200];

t.test('whatever recorders do, no packet that was kept is lost, each call is recorded, being seen to, or told lost, and all comes to rest', { timeout: 110_000 }, async (t) => {
  const sums = { calls: 0, packets: 0, takenOver: 0 };
  for (let seed = firstSeed; seed < firstSeed + schedules; seed += 1) {
    const { wrong, calls, packets, takenOver } = await runSchedule(seed);
    if (wrong !== undefined) t.fail(`seed ${seed}, ${wrong}; what happened: npm run fuzz -- failover --seed ${seed} --runs 1`);
    sums.calls += calls;
    sums.packets += packets;
    sums.takenOver += takenOver;
  }
  t.ok(sums.calls > 2 * schedules && sums.takenOver > schedules / 2 && sums.packets > 1_000 * schedules, `the schedules are no idle ones: ${JSON.stringify(sums)}`);
});

t.test('a seed is a schedule: the same happens again', async (t) => {
  const [once, again]: string[][] = [[], []];
  await runSchedule(7, (line) => once?.push(line));
  await runSchedule(7, (line) => again?.push(line));
  t.ok((once?.length ?? 0) > 20);
  t.strictSame(once, again);
});
