import fc from 'fast-check';
import t from 'tap';
import type { CallFacts } from './call-facts.js';
import { plainUser } from './number-pattern.js';
import { Policy } from './policy.js';
import { policySettings } from './settings.js';

/** Wednesday, 2026-11-25, 13:30 in UTC. */
const AT = Date.UTC(2026, 10, 25, 13, 30);

interface Call {
  readonly from?: string;
  readonly to?: string;
  readonly trunk?: string;
  readonly headers?: Record<string, readonly string[]>;
  readonly atMs?: number;
  readonly sessionId?: string;
}

const factsOf = ({ from = '+4930123456', to = '7100', trunk = 'carrier', headers = {}, atMs = AT, sessionId = '0123456789abcdef0123456789abcdef' }: Call): CallFacts => ({
  sessionId, trunk, headers, atMs, caller: { user: plainUser(from), host: 'carrier.example' }, callee: { user: plainUser(to), host: 'pbx.example' },
});

const policyOf = (settings: unknown): Policy => new Policy(policySettings.parse(settings));
const decide = (settings: unknown, call: Call): string => {
  const { record, decidedBy } = policyOf(settings).decide(factsOf(call));
  return `${record}: ${decidedBy}`;
};

/** Two rules: one that is looked at, one that takes the rest. */
const when = (conditions: object, internal: readonly string[] = ['7...']): object => ({
  internal, rules: [{ name: 'one', when: conditions, record: 'always' }, { name: 'rest', record: 'never' }],
});
const ONE = 'always: rule one';
const REST = 'never: rule rest';
const at = (day: number, hour: number, minute = 0): number => Date.UTC(2026, 10, day, hour, minute);
const office = { hours: { from: '08:00', to: '18:00', days: ['mon', 'tue', 'wed', 'thu', 'fri'], timeZone: 'Europe/Berlin' } };
const night = { hours: { from: '22:00', to: '06:00', days: ['fri'], timeZone: 'UTC' } };

const rows: readonly [what: string, settings: object, call: Call, decided: string][] = [
  ['nothing said: all calls are recorded', {}, {}, 'always: no rule'],
  ['the catch-all', { otherwise: { record: 'never' } }, {}, 'never: no rule'],
  ['a rule without conditions', { rules: [{ name: 'all', record: 'never' }] }, {}, 'never: rule all'],
  ['the first that fits', { rules: [{ name: 'a', record: 'never' }, { name: 'b', record: 'always' }] }, {}, 'never: rule a'],
  ['one that does not fit is passed over', { rules: [{ name: 'a', when: { callee: ['9!'] }, record: 'never' }, { name: 'b', record: 'always' }] }, {}, 'always: rule b'],
  ['recorded when somebody asks', { rules: [{ name: 'a', record: 'on-demand', pausable: true }] }, {}, 'on-demand: rule a'],
  ['no rule fits', { rules: [{ name: 'a', when: { callee: ['9!'] }, record: 'never' }] }, {}, 'always: no rule'],
  ['the callee', when({ callee: ['7100'] }), {}, ONE],
  ['the callee, another', when({ callee: ['7101'] }), {}, REST],
  ['the callee, one of several', when({ callee: ['9!', '71..'] }), {}, ONE],
  ['any one digit', when({ callee: ['710.'] }), {}, ONE],
  ['any one digit is one digit', when({ callee: ['71.'] }), {}, REST],
  ['any rest', when({ callee: ['7!'] }), {}, ONE],
  ['the caller', when({ caller: ['+49!'] }), {}, ONE],
  ['the caller, another', when({ caller: ['+44!'] }), {}, REST],
  ['the caller, with separators', when({ caller: ['+49 30 123456'] }), { from: '+49-(30)-12.34.56' }, ONE],
  ['the caller is not the callee', when({ caller: ['7100'] }), {}, REST],
  ['either party: the caller', when({ party: ['+49!'] }), {}, ONE],
  ['either party: the callee', when({ party: ['7100'] }), {}, ONE],
  ['either party: none', when({ party: ['8!'] }), {}, REST],
  ['a name', when({ caller: ['alice'] }), { from: 'alice' }, ONE],
  ['a name with its host', when({ caller: ['alice@carrier.example'] }), { from: 'alice' }, ONE],
  ['a name at another host', when({ caller: ['alice@pbx.example'] }), { from: 'alice' }, REST],
  ['no number at all', when({ caller: ['+49!'] }), { from: '' }, REST],
  ['no number fits any rest', when({ caller: ['!'] }), { from: '' }, ONE],
  ['both parties, and only one fits', when({ caller: ['+49!'], callee: ['9!'] }), {}, REST],
  ['both parties', when({ caller: ['+49!'], callee: ['7!'] }), {}, ONE],
  ['the trunk', when({ trunk: ['carrier'] }), {}, ONE],
  ['one of several trunks', when({ trunk: ['pbx', 'carrier'] }), {}, ONE],
  ['another trunk', when({ trunk: ['pbx'] }), {}, REST],
  ['inbound', when({ direction: 'inbound' }), {}, ONE],
  ['inbound is not outbound', when({ direction: 'outbound' }), {}, REST],
  ['outbound', when({ direction: 'outbound' }), { from: '7100', to: '+4930123456' }, ONE],
  ['outbound is not inbound', when({ direction: 'inbound' }), { from: '7100', to: '+4930123456' }, REST],
  ['from one number of the site to another is neither: not inbound', when({ direction: 'inbound' }), { from: '7100', to: '7200' }, REST],
  ['nor outbound', when({ direction: 'outbound' }), { from: '7100', to: '7200' }, REST],
  ['between two strangers: not inbound', when({ direction: 'inbound' }), { from: '+4', to: '+5' }, REST],
  ['internal', when({ traffic: 'internal' }), { from: '7100', to: '7200' }, ONE],
  ['inbound is not internal', when({ traffic: 'internal' }), {}, REST],
  ['inbound is external', when({ traffic: 'external' }), {}, ONE],
  ['internal is not external', when({ traffic: 'external' }), { from: '7100', to: '7200' }, REST],
  ['a site that has said no numbers: all is external', when({ traffic: 'external' }, []), { from: '7100', to: '7200' }, ONE],
  ['a site that has said no numbers: nothing is inbound', when({ direction: 'inbound' }, []), {}, REST],
  ['a header that is there', when({ headers: [{ name: 'X-Queue' }] }), { headers: { 'x-queue': ['sales'] } }, ONE],
  ['a header that is not there', when({ headers: [{ name: 'X-Queue' }] }), {}, REST],
  ['a header and its value', when({ headers: [{ name: 'X-Queue', is: 'Sales' }] }), { headers: { 'x-queue': ['sales'] } }, ONE],
  ['a value is whole', when({ headers: [{ name: 'X-Queue', is: 'sale' }] }), { headers: { 'x-queue': ['sales'] } }, REST],
  ['a part of a value', when({ headers: [{ name: 'x-queue', has: 'ALE' }] }), { headers: { 'x-queue': ['sales'] } }, ONE],
  ['not a part of a value', when({ headers: [{ name: 'x-queue', has: 'support' }] }), { headers: { 'x-queue': ['sales'] } }, REST],
  ['one of several values', when({ headers: [{ name: 'X-Queue', is: 'b' }] }), { headers: { 'x-queue': ['a', 'b'] } }, ONE],
  ['several headers, one missing', when({ headers: [{ name: 'X-Queue' }, { name: 'X-Agent' }] }), { headers: { 'x-queue': ['a'] } }, REST],
  ['several headers', when({ headers: [{ name: 'X-Queue' }, { name: 'X-Agent' }] }), { headers: { 'x-queue': ['a'], 'x-agent': ['b'] } }, ONE],
  ['office hours', when(office), {}, ONE],
  ['their first minute, in the zone', when(office), { atMs: at(25, 7) }, ONE],
  ['the minute before', when(office), { atMs: at(25, 6, 59) }, REST],
  ['their last minute', when(office), { atMs: at(25, 16, 59) }, ONE],
  ['the minute after', when(office), { atMs: at(25, 17) }, REST],
  ['a Saturday', when(office), { atMs: at(28, 12) }, REST],
  ['summer time: 07:00 is eight hours, an hour earlier in UTC', when(office), { atMs: Date.UTC(2026, 6, 1, 6) }, ONE],
  ['past midnight: the evening it begins', when(night), { atMs: at(27, 23) }, ONE],
  ['past midnight: the morning after', when(night), { atMs: at(28, 5, 59) }, ONE],
  ['past midnight: its end', when(night), { atMs: at(28, 6) }, REST],
  ['past midnight: not the morning before', when(night), { atMs: at(27, 5) }, REST],
  ['past midnight: not the evening after', when(night), { atMs: at(28, 23) }, REST],
  ['a whole day in a zone where it is Thursday already', when({ hours: { days: ['thu'], timeZone: 'Pacific/Auckland' } }), {}, ONE],
  ['a share of none', when({ percent: 0 }), {}, REST],
  ['a share of all', when({ percent: 100 }), {}, ONE],
  ['denied: the caller', { deny: [{ caller: ['+49!'] }], rules: [{ name: 'all', record: 'always' }] }, {}, 'never: deny entry 1'],
  ['denied: either party', { deny: [{ callee: ['9!'] }, { party: ['7100'] }] }, {}, 'never: deny entry 2'],
  ['denied: both conditions of one entry', { deny: [{ caller: ['+49!'], callee: ['9!'] }] }, {}, 'always: no rule'],
];

t.test('the decision, case by case', (t) => {
  t.ok(rows.length >= 60);
  for (const [what, settings, call, decided] of rows) t.equal(decide(settings, call), decided, what);
  t.end();
});

t.test('whatever the rules say, a deny entry that fits wins, and nothing of the call is mandatory', (t) => {
  const number = fc.stringMatching(/^\+?[0-9]{1,12}$/u);
  const rule = fc.record({
    when: fc.record({ callee: fc.constantFrom(['!'], ['7!'], ['1...']), percent: fc.double({ min: 0, max: 100, noNaN: true }) }, { requiredKeys: [] }),
    record: fc.constantFrom('always', 'never'), mandatory: fc.boolean(),
  });
  const rules = fc.array(rule, { maxLength: 6 }).map((each) => each.map((one, i) => ({ ...one, name: `r${i}` })));
  fc.assert(fc.property(number, number, rules, fc.boolean(), (from, to, made, byCaller) => {
    const decision = policyOf({ rules: made, deny: [{ party: ['no-one'] }, byCaller ? { caller: [from] } : { party: [to] }] }).decide(factsOf({ from, to }));
    return decision.record === 'never' && !decision.mandatory && decision.decidedBy === 'deny entry 2';
  }));
  t.end();
});

t.test('where recordings go, for how long they are kept and whether keys are masked is decided with the rest', (t) => {
  const settings = { rules: [{ name: 'a', when: { callee: ['7100'] }, record: 'always', recorders: { group: 'north', redundancy: 'single' }, retention: 'long', dtmfMasked: true }] };
  t.match(policyOf(settings).decide(factsOf({})), { recorders: { group: 'north', redundancy: 'single' }, retention: 'long', dtmfMasked: true });
  t.match(policyOf(settings).decide(factsOf({ to: '7200' })), { recorders: { group: 'default', redundancy: 'primary-backup' }, retention: 'standard', dtmfMasked: false });
  t.end();
});

t.test('the deny list can be asked alone: it says what is decided for calls that it denies, and nothing of any other', (t) => {
  const policy = policyOf({ deny: [{ callee: ['9!'] }, { party: ['7100'] }], rules: [{ name: 'all', record: 'never' }] });
  t.strictSame(policy.denial(factsOf({})), policy.decide(factsOf({})));
  t.match(policy.denial(factsOf({})), { record: 'never', mandatory: false, decidedBy: 'deny entry 2' });
  t.equal(policy.denial(factsOf({ to: '7200' })), undefined, 'a rule that says never is not the deny list');
  t.equal(policyOf({}).denial(factsOf({})), undefined);
  t.end();
});

t.test('what is explained is what is decided', (t) => {
  for (const [what, settings, call] of rows) {
    const policy = policyOf(settings);
    const { decision, steps } = policy.explain(factsOf(call));
    t.strictSame(decision, policy.decide(factsOf(call)), what);
    t.ok(steps.every(({ why }, i) => why !== undefined || i === steps.length - 1), 'only the last one fits');
  }
  t.end();
});

t.test('an explanation names each rule that did not fit, and why, without the values of headers', (t) => {
  const { steps, bearing } = policyOf({
    internal: ['7...'],
    deny: [{ party: ['1', '2', '3', '4', '5', '6'] }],
    rules: [
      { name: 'a', when: { caller: ['+44!'] }, record: 'never' }, { name: 'b', when: { headers: [{ name: 'X-Pin', is: '1' }] }, record: 'never' },
      { name: 'c', when: { direction: 'outbound' }, record: 'never' }, { name: 'd', when: office, record: 'never' },
      { name: 'e', when: { percent: 0 }, record: 'never' }, { name: 'f', record: 'always' },
    ],
  }).explain(factsOf({ headers: { 'x-pin': ['secret'] }, atMs: at(28, 12) }));
  t.strictSame(bearing, { direction: 'inbound', traffic: 'external' });
  t.strictSame(steps.map(({ what, why }) => `${what}: ${why ?? 'fits'}`), [
    'deny entry 1: neither the caller +4930123456 nor the callee 7100 is 1, 2, 3, 4 or one of 2 more',
    'rule a: the caller +4930123456 is not +44!',
    'rule b: no X-Pin of the INVITE is “1”',
    'rule c: the call is inbound',
    'rule d: it is sat 13:00 in Europe/Berlin, not 08:00 to 18:00 on mon, tue, wed, thu, fri',
    'rule e: the session 0123456789abcdef0123456789abcdef is not among the 0 % chosen',
    'rule f: fits',
  ]);
  t.notMatch(JSON.stringify(steps), 'secret');
  t.end();
});

t.test('a share is kept: even over session IDs, the same for the same one, and a larger share holds a smaller', (t) => {
  const sampled = (percent: number): Set<number> => {
    const policy = policyOf(when({ percent }));
    const chosen = Array.from({ length: 10_000 }, (_, i) => i).filter((i) => policy.decide(factsOf({ sessionId: i.toString(16).padStart(32, '0') })).record === 'always');
    return new Set(chosen);
  };
  const [ten, thirty] = [sampled(10), sampled(30)];
  t.ok(Math.abs(ten.size - 1_000) < 100, `${ten.size}`);
  t.ok(Math.abs(thirty.size - 3_000) < 150, `${thirty.size}`);
  t.ok([...ten].every((each) => thirty.has(each)));
  t.strictSame(sampled(10), ten);
  t.end();
});

t.test('settings that mean nothing are refused, and say what to write', (t) => {
  const faults: [object, RegExp][] = [
    [{ rules: [{ name: 'a', when: { callee: ['7!0'] }, record: 'never' }] }, /stands at the end/u],
    [{ rules: [{ name: 'a', record: 'never' }, { name: 'a', record: 'never' }] }, /same name/u],
    [{ rules: [{ name: 'a', when: { hours: { timeZone: 'Mars/Olympus' } }, record: 'never' }] }, /Europe\/Berlin/u],
    [{ rules: [{ name: 'a', when: { hours: { from: '8:00', timeZone: 'UTC' } }, record: 'never' }] }, /08:00/u],
    [{ rules: [{ name: 'a', when: { headers: [{ name: 'X', is: 'a', has: 'b' }] }, record: 'never' }] }, /not both/u],
    [{ deny: [{}] }, /caller, callee or party/u],
    [{ otherwise: { record: 'sometimes' } }, /always/u],
    [{ rule: [] }, /rule/u],
    [{ otherwise: { record: 'always', commands: ['erase'] } }, /commands/u],
    [{ otherwise: { recorders: { redundancy: 'both' } } }, /"single"[^]*"primary-backup"/u],
    [{ otherwise: { recorders: { group: '' } } }, /1 to 64 letters/u],
    [{ otherwise: { retention: 'seven years' } }, /1 to 64 letters/u],
    [{ dtmf: { start: '*1', stop: '*1' } }, /is within, another/u],
    [{ dtmf: { start: '*1', stop: '9*12' } }, /is within, another/u],
    [{ dtmf: { start: 'x' } }, /one to eight keys/u],
    [{ dtmf: { start: '' } }, /one to eight keys/u],
  ];
  for (const [settings, message] of faults) t.throws(() => policySettings.parse(settings), message);
  t.end();
});

t.test('what the parties are told is part of the outcome, with defaults, and of denied calls nothing', (t) => {
  const rule = { name: 'a', record: 'always', announcement: { name: 'consent' }, beep: {} };
  const policy = policyOf({ announcements: { consent: 'consent.wav' }, rules: [rule], deny: [{ callee: ['9!'] }] });
  t.match(policy.decide(factsOf({})), { announcement: { name: 'consent', to: 'both', when: 'at' }, beep: { everySeconds: 15, to: 'both' } });
  const denied = policy.decide(factsOf({ to: '911' }));
  t.strictSame([denied.announcement, denied.beep], [undefined, undefined]);
  for (const [settings, message] of [
    [{ beep: { everySeconds: 4 } }, /5/u],
    [{ beep: { everySeconds: 601 } }, /600/u],
    [{ beep: { everySeconds: 7.5 } }, /int/u],
    [{ announcement: { name: 'consent', to: 'nobody' } }, /caller/u],
    [{ announcement: { name: 'consent', when: 'after' } }, /before/u],
    [{ announcement: { file: 'consent.wav' } }, /name|file/u],
    [{ announcement: { name: '../consent' } }, /letters, digits/u],
  ] as const) {
    t.throws(() => policySettings.parse({ otherwise: settings }), message, JSON.stringify(settings));
  }
  t.throws(() => policySettings.parse({ announcements: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`a${n}`, 'a.wav'])) }), /at most 32/u);
  t.end();
});
