import t from 'tap';
import { policySettings, type CommandSource, type Decision } from '../policy/index.js';
import { CallControl, type ControlAnswer, type ControlCommand } from './call-control.js';

function open(rule: object) {
  const decision: Decision = { ...policySettings.parse({ otherwise: rule }).otherwise, decidedBy: 'rule r' };
  const said = { forks: [] as string[], told: 0, commands: [] as string[] };
  let nowMs = 1_000;
  const control = new CallControl({
    decision,
    media: { pauseFork: () => Promise.resolve(void said.forks.push('pause')), resumeFork: () => Promise.resolve(void said.forks.push('resume')) },
    onChanged: () => (said.told += 1),
    onCommand: (command, source, { refused }) => said.commands.push(`${command} ${source}${refused === undefined ? '' : ' refused'}`),
    now: () => (nowMs += 1),
  });
  const give = (command: ControlCommand['command'] | ControlCommand, source: CommandSource = 'api'): ControlAnswer =>
    control.command(typeof command === 'string' ? ({ command } as ControlCommand) : command, source, source);
  return { control, said, give };
}

t.test('a rule allows what its mode needs, and no more', (t) => {
  for (const [rule, allowed] of [
    [{ record: 'always' }, ['tag']],
    [{ record: 'always', pausable: true }, ['pause', 'resume', 'tag']],
    [{ record: 'on-demand' }, ['start', 'stop', 'tag']],
    [{ record: 'on-demand', pausable: true }, ['start', 'stop', 'pause', 'resume', 'tag']],
    [{ record: 'on-demand', pausable: true, commands: ['start', 'pause'] }, ['start', 'pause']],
    [{ record: 'always', commands: ['stop'] }, ['stop']],
    [{ record: 'never', commands: ['start'] }, []],
  ] as const) {
    const { give } = open(rule);
    const taken = (['start', 'stop', 'pause', 'resume'] as const).filter((command) => give(command).refused === undefined);
    const tagged = give({ command: 'tag', name: 'a', value: 'b' }).refused === undefined ? ['tag'] : [];
    t.strictSame([...taken, ...tagged], allowed, JSON.stringify(rule));
  }
  t.end();
});

t.test('a refusal says why and what the recording is, changes nothing and is told to nobody', (t) => {
  const { control, give, said } = open({ record: 'on-demand', commandsFrom: ['api'] });
  t.strictSame(give('pause'), { state: 'waiting', refused: 'rule r does not allow pause' });
  t.strictSame(give('start', 'dtmf'), { state: 'waiting', refused: 'rule r takes no commands from dtmf' });
  t.strictSame(said, { forks: [], told: 0, commands: ['pause api refused', 'start dtmf refused'] });
  t.strictSame(control.wishes, { keep: false, pauses: [], said: [], tags: {} });
  t.end();
});

t.test('of a call that is always recorded nothing is told until something is said', (t) => {
  const { control, give } = open({ record: 'always', pausable: true });
  t.equal(control.wishes, undefined);
  give('pause');
  t.match(control.wishes, { keep: true, pauses: [{ toMs: undefined }], said: [{ command: 'pause', by: 'api' }] });
  t.end();
});

t.test('the copies stop and go on with the command itself; a repetition is neither noted nor told', (t) => {
  const { control, give, said } = open({ record: 'on-demand', pausable: true });
  for (const command of ['start', 'pause', 'pause', 'resume', 'resume', 'stop', 'pause', 'start', 'resume'] as const) give(command);
  t.strictSame(said.forks, ['pause', 'resume', 'pause', 'resume']);
  t.strictSame(control.wishes?.said.map(({ command }) => command), ['start', 'pause', 'resume', 'stop', 'pause', 'start', 'resume']);
  t.equal(said.told, 7);
  t.equal(control.wishes?.pauses.length, 2);
  t.ok(control.wishes?.pauses.every(({ fromMs, toMs }) => toMs !== undefined && toMs > fromMs));
  t.equal(said.commands.length, 9, 'but counted');
  t.end();
});

t.test('tags are bounded in number and kind, and the last value counts', (t) => {
  const { control, give } = open({ record: 'always' });
  const tag = (name: string, value: string): boolean => give({ command: 'tag', name, value }).refused === undefined;
  for (const [name, value] of [['', 'x'], ['a b', 'x'], ['a'.repeat(65), 'x'], ['a', ''], ['a', 'x'.repeat(257)], ['a', 'two\nlines'], ['a', '\u001b[2J']] as const) t.notOk(tag(name, value), JSON.stringify([name, value]));
  for (let n = 0; n < 32; n += 1) t.ok(tag(`n${n}`, 'Zwölf Boxkämpfer'));
  t.notOk(tag('one-more', 'x'));
  t.ok(tag('n3', 'other'));
  t.equal(control.wishes?.tags['n3'], 'other');
  t.end();
});

t.test('however often a call is commanded, what is kept of it is bounded', (t) => {
  const { control, give } = open({ record: 'always', pausable: true });
  for (let n = 0; n < 1_000; n += 1) {
    give('pause');
    give('resume');
  }
  t.strictSame([control.wishes?.pauses.length, control.wishes?.said.length], [256, 64]);
  t.match(control.wishes?.pauses.at(-1), { toMs: 4_999 });
  t.end();
});
