import t from 'tap';
import { Application } from './application.js';
import { Routes } from './routes.js';

const named = (...tags: string[]): Application => {
  const application = Application.nobody();
  application.identify(tags);
  return application;
};

t.test('applications take a verb in turn, whatever case it was registered in', (t) => {
  const [routes, a, b] = [new Routes(), named(), named()];
  for (const each of [a, b]) t.equal(routes.add('INVITE', each), undefined);
  t.strictSame([1, 2, 3, 4].map(() => routes.pick('invite')), [a, b, a, b]);
  t.equal(routes.pick('options'), undefined);
  t.end();
});

t.test('when one leaves, the turn goes on with the one that was next', (t) => {
  for (const [leaving, after] of [[0, [1, 2, 1]], [1, [2, 0, 2]], [2, [1, 0, 1]]] as const) {
    const [routes, all] = [new Routes(), [named(), named(), named()]];
    for (const each of all) routes.add('invite', each);
    t.equal(routes.pick('invite'), all[0]);
    routes.removeAll(all[leaving] ?? named());
    t.strictSame(after.map(() => routes.pick('invite')), after.map((at) => all[at]), `after ${leaving} has left`);
  }
  t.end();
});

t.test('a tag narrows the turn', (t) => {
  const [routes, a, b, c] = [new Routes(), named('x', 'y'), named('x'), named()];
  for (const each of [a, b, c]) routes.add('invite', each);
  t.strictSame([1, 2, 3].map(() => routes.pick('invite', 'x')), [a, b, a]);
  t.strictSame([1, 2].map(() => routes.pick('invite', 'y')), [a, a]);
  t.equal(routes.pick('invite', 'z'), undefined);
  t.equal(routes.pick('invite'), b);
  t.end();
});

t.test('what one application registers leaves room for others', (t) => {
  const [routes, greedy, modest] = [new Routes(), named(), named()];
  let refused = 0;
  for (let i = 0; i < 1_000; i += 1) if (routes.add(`verb-${i}`, greedy) === 'too-many') refused += 1;
  t.equal(refused, 1_000 - 64);
  t.equal(routes.add('verb-2000', modest), undefined);
  t.equal(routes.pick('verb-2000'), modest);
  routes.remove('verb-0', greedy);
  t.equal(routes.add('invite', greedy), undefined, 'what was taken back may be used again');
  routes.removeAll(greedy);
  t.equal(routes.pick('verb-1'), undefined);
  t.end();
});

t.test('remove takes one verb back and leaves the others', (t) => {
  const [routes, a] = [new Routes(), named()];
  for (const verb of ['invite', 'invite', 'options']) routes.add(verb, a);
  routes.remove('invite', a);
  t.equal(routes.pick('invite'), undefined);
  t.equal(routes.pick('options'), a);
  t.end();
});

for (const verb of ['', 'in vite', 'x'.repeat(65), 'invite\n', 'é']) {
  t.test(`no verb: ${JSON.stringify(verb.slice(0, 10))}`, (t) => {
    t.equal(new Routes().add(verb, named()), 'bad-verb');
    t.end();
  });
}
