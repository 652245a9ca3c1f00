import t from 'tap';
import { Probe } from './probe.js';

function openProbe(): { probe: Probe; sent: Buffer[]; readonly pass: (ms: number) => void } {
  const sent: Buffer[] = [];
  let now = 0;
  const probe = new Probe((bytes) => sent.push(Buffer.from(bytes)), () => now);
  return {
    probe, sent,
    pass: (ms) => {
      now += ms;
    },
  };
}

const nothing = Buffer.alloc(0);

t.test('a probe that comes back tells how long it has waited; one that is out, how long it waits already', (t) => {
  const { probe, sent, pass } = openProbe();
  t.equal(probe.measure(), 0);
  pass(30);
  t.ok(probe.took(sent[0] ?? nothing));
  pass(20);
  t.equal(probe.measure(), 30);
  pass(50);
  t.equal(probe.measure(), 50);
  pass(60);
  t.ok(probe.took(sent[1] ?? nothing));
  t.ok(probe.took(sent[2] ?? nothing));
  t.equal(probe.measure(), 60, 'the newest that is back');
  pass(5);
  t.ok(probe.took(sent[3] ?? nothing));
  t.equal(probe.measure(), 5);
  t.end();
});

t.test('a probe that found the buffer full is not waited for: the next one tells', (t) => {
  const { probe, sent, pass } = openProbe();
  probe.measure();
  t.ok(probe.took(sent[0] ?? nothing));
  probe.measure();
  pass(50);
  probe.measure();
  pass(50);
  t.equal(probe.measure(), 100);
  pass(10);
  t.ok(probe.took(sent[2] ?? nothing), 'the one before it is lost');
  t.ok(probe.took(sent[3] ?? nothing));
  t.equal(probe.measure(), 10);
  t.notOk(probe.took(sent[1] ?? nothing), 'and counts no more');
  t.end();
});

t.test('where all are lost that is said for a second of each, and no more than twenty are kept', (t) => {
  const { probe, sent, pass } = openProbe();
  probe.measure();
  t.ok(probe.took(sent[0] ?? nothing));
  const said = Array.from({ length: 100 }, () => {
    pass(50);
    return probe.measure();
  });
  t.strictSame([said[0], said[1], said[10]], [0, 50, 500]);
  t.ok(Math.max(...said) <= 1_000);
  t.equal(sent.slice(-30).filter((bytes) => probe.took(bytes)).length, 20);
  t.end();
});

t.test('what others send is no probe, and is not taken away from them', (t) => {
  const { probe, sent } = openProbe();
  t.notOk(probe.took(Buffer.alloc(16)), 'none is out');
  probe.measure();
  t.notOk(probe.took(Buffer.alloc(16)));
  t.notOk(probe.took(Buffer.from('OPTIONS sip:a@b SIP/2.0\r\n')));
  const [mine = Buffer.alloc(0)] = sent;
  t.ok(probe.took(mine));
  t.notOk(probe.took(mine), 'once only');
  t.end();
});

t.test('where probes never come back nothing is said to wait', (t) => {
  const { probe, pass } = openProbe();
  for (let i = 0; i < 100; i += 1) {
    pass(100);
    t.equal(probe.measure(), 0);
  }
  t.end();
});
