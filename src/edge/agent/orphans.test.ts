import t from 'tap';
import { Application } from '../app/application.js';
import { DialogStore } from '../dialog/dialog-store.js';
import { standardTiming, type Clock } from '../timing.js';
import { Lingering } from '../transaction/lingering.js';
import type { AppDialog } from './context.js';
import { Orphans } from './orphans.js';

/** A clock that only moves when it is told to. */
function standingClock(): Clock & { advance(ms: number): void; readonly waiting: number } {
  let at = 0;
  const timers = new Set<{ readonly due: number; run(): void }>();
  return {
    now: () => at,
    after: (ms, run) => {
      const timer = { due: at + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: (ms) => {
      const until = at + ms;
      for (;;) {
        const [next] = [...timers].filter(({ due }) => due <= until).sort((a, b) => a.due - b.due);
        if (next === undefined) break;
        timers.delete(next);
        at = next.due;
        next.run();
      }
      at = until;
    },
    get waiting() {
      return timers.size;
    },
  };
}

const path = { protocol: 'udp', address: '192.0.2.1', port: 5060, local: { address: '192.0.2.2', port: 5060 }, open: true, send: () => undefined } as unknown as AppDialog['path'];

const dialogOf = (owner: Application, name: string): AppDialog => ({
  id: name, role: 'uas', method: 'INVITE', callId: name, localTag: 'l', remoteTag: 'r', local: '', remote: '', owner, localSeq: 0, remoteSeq: 1,
  routes: [], target: '', contact: '', confirmed: true, path, natted: false, offered: undefined, ended: false, release: () => undefined,
});

function setUp(count: number): { clock: ReturnType<typeof standingClock>; orphans: Orphans; lost: Application; dialogs: DialogStore<Application>; hungUp: AppDialog[] } {
  const clock = standingClock();
  const dialogs = new DialogStore<Application>();
  const lost = new Application(() => undefined, () => '', () => 0, () => undefined);
  for (let i = 0; i < count; i += 1) dialogs.add(dialogOf(lost, `${i}`));
  lost.leave();
  const hungUp: AppDialog[] = [];
  const orphans = new Orphans({ environment: { clock, timing: standardTiming, lingering: new Lingering(clock) }, dialogs }, (dialog) => {
    hungUp.push(dialog);
    dialogs.remove(dialog);
  });
  return { clock, orphans, lost, dialogs, hungUp };
}

t.test('what nobody comes back for is hung up after 120 s, two hundred at a time', (t) => {
  const { clock, orphans, lost, dialogs, hungUp } = setUp(450);
  orphans.keep(lost, new Set(), []);
  clock.advance(119_999);
  t.equal(hungUp.length, 0);
  const counts = [];
  for (const ms of [1, 100, 100, 100]) {
    clock.advance(ms);
    counts.push(hungUp.length);
  }
  t.strictSame(counts, [200, 400, 450, 450]);
  t.equal(dialogs.size, 0);
  t.equal(clock.waiting, 0);
  t.end();
});

t.test('one that comes back takes all of it, reports included, and nothing waits any more', (t) => {
  const { clock, orphans, lost, dialogs, hungUp } = setUp(3);
  orphans.keep(lost, new Set(), []);
  const told: string[] = [];
  const back = new Application((payload) => told.push(payload), () => 'id', () => 0, () => undefined);
  orphans.report(lost, { source: 'application', protocol: 'udp', address: 'a', port: 1, transactionId: 'unsolicited', dialogId: '0' }, 'BYE');
  orphans.adopt(back);
  t.strictSame(told, ['id|sip|application|3|udp|a|1|00:00:00.000000|unsolicited|0|\r\nBYE']);
  t.equal(dialogs.ownedBy(back).length, 3);
  clock.advance(1_000_000);
  t.equal(hungUp.length, 0);
  orphans.adopt(new Application(() => undefined, () => '', () => 0, () => undefined));
  t.equal(dialogs.ownedBy(back).length, 3, 'a second one gets nothing');
  t.end();
});

t.test('an application that the edge had called does not come back: its dialogs end at once, but for those it is ending itself', (t) => {
  const { clock, orphans, hungUp, dialogs } = setUp(0);
  const called = new Application(() => undefined, () => '', () => 0, () => undefined, 'outbound');
  const [left, ending] = [dialogOf(called, 'left'), dialogOf(called, 'ending')];
  for (const dialog of [left, ending]) dialogs.add(dialog);
  called.leave();
  orphans.keep(called, new Set([ending]), []);
  t.strictSame(hungUp.map((dialog) => dialog.id), ['left']);
  clock.advance(120_000);
  t.strictSame(hungUp.map((dialog) => dialog.id), ['left', 'ending'], 'in case its BYE comes to nothing');
  t.equal(clock.waiting, 0);
  t.end();
});

t.test('reports are bounded, and room is made by those who fetch theirs', (t) => {
  const { orphans, lost } = setUp(1);
  orphans.keep(lost, new Set(), []);
  const meta = { source: 'application', protocol: 'udp', address: 'a', port: 1, transactionId: 'unsolicited', dialogId: '0' } as const;
  for (let i = 0; i < 10_001; i += 1) orphans.report(lost, meta, 'BYE');
  let told = 0;
  orphans.adopt(new Application(() => (told += 1), () => '', () => 0, () => undefined));
  t.equal(told, 10_000);
  orphans.keep(lost, new Set(), [{ meta, text: 'BYE' }]);
  orphans.adopt(new Application(() => (told += 1), () => '', () => 0, () => undefined));
  t.equal(told, 10_001);
  orphans.report(lost, meta, 'BYE');
  orphans.close();
  t.end();
});
