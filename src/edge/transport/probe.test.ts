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

t.test('a probe that comes back tells how long it has waited; one that is out, how long it waits already', (t) => {
  const { probe, sent, pass } = openProbe();
  t.equal(probe.measure(), 0);
  pass(30);
  t.ok(probe.took(sent[0] ?? Buffer.alloc(0)));
  pass(70);
  t.equal(probe.measure(), 30);
  pass(100);
  t.equal(probe.measure(), 100);
  t.equal(sent.length, 2, 'one at a time');
  pass(950);
  t.equal(probe.measure(), 1_050);
  t.equal(sent.length, 3, 'that one is lost');
  t.notOk(probe.took(sent[1] ?? Buffer.alloc(0)), 'and counts no more');
  pass(2);
  t.ok(probe.took(sent[2] ?? Buffer.alloc(0)));
  t.equal(probe.measure(), 2);
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
