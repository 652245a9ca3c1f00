import t from 'tap';
import { Application } from './application.js';
import { Promptness } from './promptness.js';
import { Routes } from './routes.js';

t.test('an application is behind while an answer that comes by itself is late, and for a moment after a late one', (t) => {
  let now = 0;
  const promptness = new Promptness(() => now);
  promptness.asked('bye');
  now = 400;
  t.equal(promptness.behind, false);
  t.equal(promptness.lagMs, 400);
  now = 600;
  t.equal(promptness.behind, true, 'the answer is late');
  promptness.reacted('bye');
  t.equal(promptness.behind, true, 'it was late just now');
  now = 750;
  t.equal(promptness.behind, false, 'nothing speaks against it any more');
  promptness.asked('ack');
  now = 760;
  promptness.reacted('ack');
  t.equal(promptness.lagMs, 10);
  t.end();
});

t.test('of what is answered in one turn the first counts, for a tenth of a second, and a wait of all as a lag', (t) => {
  let now = 0;
  const promptness = new Promptness(() => now);
  for (const what of ['a', 'b', 'c']) promptness.asked(what);
  now = 8;
  promptness.reacted('a');
  now = 80;
  promptness.reacted('b');
  promptness.reacted('c');
  t.equal(promptness.lagMs, 8);
  promptness.asked('d');
  now = 140;
  promptness.reacted('d');
  t.equal(promptness.lagMs, 60, 'the first is over');
  promptness.asked('e');
  now = 239;
  t.equal(promptness.lagMs, 60);
  now = 240;
  t.equal(promptness.lagMs, 100, 'nothing else came: what waits tells');
  t.end();
});

t.test('what is withheld does not count once something later has been answered', (t) => {
  let now = 0;
  const promptness = new Promptness(() => now);
  promptness.asked('an ACK that waits for somebody else');
  now = 600;
  t.equal(promptness.behind, true);
  promptness.asked('bye');
  promptness.reacted('bye');
  now = 10_000;
  t.equal(promptness.lagMs, 0);
  t.end();
});

t.test('a decision may take half a second', (t) => {
  let now = 1_000;
  const promptness = new Promptness(() => now);
  promptness.decidedSince(550);
  t.equal(promptness.lagMs, 0);
  now = 2_000;
  promptness.decidedSince(900);
  t.equal(promptness.lagMs, 600);
  t.end();
});

t.test('what is not awaited any more does not count', (t) => {
  let now = 0;
  const promptness = new Promptness(() => now);
  promptness.asked('bye');
  now = 1_000;
  promptness.forget('bye');
  t.equal(promptness.behind, false);
  promptness.reacted('bye');
  t.equal(promptness.behind, false, 'not even when it comes after all');
  t.end();
});

t.test('an application that is behind is passed over while another is not; when all are, one is taken all the same', (t) => {
  let now = 0;
  const routes = new Routes();
  const [slow, quick] = [0, 1].map(() => new Application(() => undefined, () => 'id', () => now, () => undefined)) as [Application, Application];
  routes.add('invite', slow);
  routes.add('invite', quick);
  slow.promptness.asked('bye');
  now = 1_000;
  t.strictSame([routes.pick('invite'), routes.pick('invite'), routes.pick('invite')], [quick, quick, quick]);
  t.equal(routes.keepsUp('invite'), true);
  quick.promptness.asked('bye');
  now = 2_000;
  t.equal(routes.keepsUp('invite'), false);
  t.ok(routes.pick('invite'));
  t.equal(routes.keepsUp('options'), true, 'a verb that nobody takes');
  t.end();
});
