import fc from 'fast-check';
import t from 'tap';
import { Failure } from '../errors/index.js';
import { createLog, type LogOptions } from './log.js';

const open = (options: Partial<LogOptions> = {}) => {
  const lines: string[] = [];
  const log = createLog({ level: 'debug', name: 'test', to: { write: (line) => void lines.push(line) }, ...options });
  return { log, lines, facts: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
};

t.test('a fact is one line of JSON with time, level, name and message', (t) => {
  const { log, lines, facts } = open();
  log.info({ sessionId: 's1', text: 'two\nlines' }, 'the call began');
  log.warn('the disk fills');
  t.match(facts(), [
    { level: 'info', name: 'test', message: 'the call began', sessionId: 's1', time: /^\d{4}-.*Z$/ },
    { level: 'warn', message: 'the disk fills' },
  ]);
  for (const line of lines) t.match(line, /^[^\n]*\n$/);
  t.end();
});

t.test('lines below the level are not written', (t) => {
  const { log, facts } = open({ level: 'warn' });
  log.debug('no');
  log.info({ a: 1 }, 'no');
  log.error('yes');
  t.match(facts(), [{ message: 'yes' }]);
  t.equal(facts().length, 1);
  t.end();
});

t.test('a child log repeats its facts in every line', (t) => {
  const { log, facts } = open();
  log.child({ sessionId: 's1' }).child({ leg: 'caller' }).info('hold');
  t.match(facts(), [{ sessionId: 's1', leg: 'caller', message: 'hold' }]);
  t.end();
});

t.test('a failure is logged with code, facts and cause', (t) => {
  const { log, facts } = open();
  const cause = new Error('ENOSPC');
  log.error({ error: new Failure('VAULT_WRITE', 'the vault is full', { cause, facts: { freeBytes: 0 } }) }, 'a recording waits');
  log.error(new Error('bare'), 'an error in place of facts');
  t.match(facts(), [
    { error: { type: 'Failure', code: 'VAULT_WRITE', message: 'the vault is full', facts: { freeBytes: 0 }, cause: { message: 'ENOSPC' } } },
    { error: { type: 'Error', message: 'bare' }, message: 'an error in place of facts' },
  ]);
  t.end();
});

t.test('no secret reaches the log, wherever it is', (t) => {
  const secret = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9';
  const { log, lines } = open();
  const circle: Record<string, unknown> = {};
  circle['circle'] = circle;
  log.info({ headers: { Authorization: `Bearer ${secret}` }, crypto: [secret], deep: [{ Keys: { a: secret } }] }, 'names');
  log.child({ token: secret }).info('children');
  log.info(`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${secret}|2^20|1:4`);
  log.info({ sdp: `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${secret}`, key: Buffer.from(secret), audio: Buffer.from(secret), circle }, 'values');
  log.error({ error: new Error(`inline:${secret}`, { cause: new Error(`inline:${secret}`) }) }, `inline:${secret}`);
  log.error({ error: Object.assign(new Error('x'), { facts: { secret } }) }, 'facts of an error');
  t.equal(lines.length, 6);
  for (const line of lines) {
    t.notMatch(line, secret);
    t.notMatch(line, JSON.stringify([...Buffer.from(secret)]).slice(1, -1));
  }
  t.end();
});

t.test('facts of any shape are logged without an exception', (t) => {
  const { log } = open();
  fc.assert(fc.property(fc.object({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true }), fc.string(), (facts, message) => log.info(facts, message)));
  t.end();
});

t.test('for a terminal a line is time, sentence and facts', (t) => {
  const { log, lines } = open({ pretty: true });
  log.info({ sessionId: 's1', reason: 'busy here', n: 3 }, 'the call ended');
  log.error('it broke');
  t.match(lines[0], /^\d\d:\d\d:\d\d\.\d{3} the call ended sessionId=s1 reason="busy here" n=3\n$/);
  t.match(lines[1], /^\S+ ERROR it broke\n$/);
  t.end();
});
