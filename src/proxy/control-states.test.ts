import t from 'tap';
import { controlTransitions, isCopied, isKept, type ControlState, type ControlStep } from './control-states.js';

const after = (state: ControlState, ...steps: ControlStep[]): ControlState => steps.reduce((at, step) => controlTransitions[at][step], state);
const states = Object.keys(controlTransitions) as ControlState[];
const steps = ['start', 'stop', 'pause', 'resume'] as const;

t.test('each command said twice is the same as said once', (t) => {
  for (const state of states) for (const step of steps) t.equal(after(state, step, step), after(state, step), `${step} in ${state}`);
  t.end();
});

t.test('a wish to keep is never taken back', (t) => {
  for (const state of states.filter(isKept)) for (const step of steps) t.ok(isKept(after(state, step)), `${step} in ${state}`);
  t.end();
});

t.test('a pause is lifted by resume alone, whatever else is said meanwhile', (t) => {
  for (const state of states) {
    for (const step of ['start', 'stop', 'pause'] as const) t.notOk(isCopied(after(state, 'pause', step)), `pause, ${step} in ${state}`);
    t.notOk(isCopied(after(state, 'pause', 'stop', 'start')), `pause, stop, start in ${state}`);
  }
  t.end();
});

t.test('what commands make of a recording', (t) => {
  for (const [from, said, to] of [
    ['waiting', ['start'], 'recording'],
    ['waiting', ['stop'], 'waiting'],
    ['waiting', ['pause', 'start'], 'paused'],
    ['waiting', ['pause', 'resume'], 'waiting'],
    ['waiting', ['pause', 'start', 'resume'], 'recording'],
    ['recording', ['pause', 'resume'], 'recording'],
    ['recording', ['stop', 'start'], 'recording'],
    ['recording', ['stop', 'resume'], 'stopped'],
    ['recording', ['pause', 'stop', 'resume'], 'stopped'],
    ['recording', ['pause', 'stop', 'start'], 'paused'],
  ] as const) {
    t.equal(after(from, ...said), to, `${from}: ${said.join(', ')}`);
  }
  t.end();
});
