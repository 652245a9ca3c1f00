import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';

import { anyText, holds, mutated } from './generated.fixture.js';
import { encodeSessionId, newSessionUuid, nilSessionUuid, parseSessionId } from './session-id.js';

const a = 'ab30317f1a784dc48ff824d0d3715d86';
const b = '47755a9de7794ba387653f2099600ef2';

t.test('the examples of RFC 7989 §10 are read', (t) => {
  t.strictSame(parseSessionId(`${a};remote=${nilSessionUuid}`), { local: a, remote: nilSessionUuid });
  t.strictSame(parseSessionId(`${b};remote=${a}`), { local: b, remote: a });
  t.end();
});

t.test('a value without remote, as RFC 7329 has it, names the nil UUID', (t) => {
  t.strictSame(parseSessionId(a), { local: a, remote: nilSessionUuid });
  t.equal(nilSessionUuid, '00000000000000000000000000000000');
  t.end();
});

t.test('upper-case digits, white space and other parameters are tolerated', (t) => {
  t.strictSame(parseSessionId(` ${a.toUpperCase()} ; logme ;x=1; Remote = ${b.toUpperCase()};y`), { local: a, remote: b });
  t.end();
});

t.test('what is not 32 hexadecimal digits is malformed', (t) => {
  for (const value of [
    '',
    ';',
    a.slice(1),
    `${a}0`,
    `${a.slice(1)}g`,
    'f47ac10b-58cc-4372-a567-0e02b2c3d479',
    `;remote=${a}`,
    `${a};remote=`,
    `${a};remote=${b.slice(1)}`,
    `${a};remote=null`,
    `${a};x=${'1'.repeat(2_000)}`,
  ]) {
    t.equal(parseSessionId(value), 'malformed', JSON.stringify(value).slice(0, 60));
  }
  t.end();
});

t.test('what is encoded is read back', (t) => {
  const uuid = fc.stringMatching(/^[0-9a-f]{32}$/);
  holds(t, fc.record({ local: uuid, remote: uuid }, { noNullPrototype: true }), (header) =>
    isDeepStrictEqual(parseSessionId(encodeSessionId(header)), header),
  );
  t.throws(() => encodeSessionId({ local: a.toUpperCase(), remote: b }), 'a value of ours in the wrong form is a bug');
  t.end();
});

t.test('a new UUID is of version 4 and the RFC variant, whatever the random bytes (RFC 7989 §4.1)', (t) => {
  holds(t, fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    const source = Buffer.from(bytes);
    const uuid = newSessionUuid(() => source);
    return /^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/.test(uuid) && source.equals(bytes);
  });
  t.end();
});

t.test('no text makes the reader throw', (t) => {
  holds(t, fc.oneof(anyText, mutated([`${a};remote=${b}`, a])), (text) => {
    const read = parseSessionId(text);
    return read === 'malformed' || /^[0-9a-f]{64}$/.test(read.local + read.remote);
  });
  t.end();
});
