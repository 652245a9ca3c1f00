import fc from 'fast-check';
import t from 'tap';
import { commandOf, keyOf } from './sip-commands.js';

const request = (headers: Record<string, string>) => ({ has: (name: string) => name in headers, get: (name: string) => headers[name] ?? '' });

t.test('X-Recording, and Record as some telephones send it', (t) => {
  for (const [headers, command] of [
    [{ 'x-recording': 'start' }, 'start'],
    [{ 'x-recording': ' Pause ' }, 'pause'],
    [{ 'x-recording': 'RESUME' }, 'resume'],
    [{ 'x-recording': 'stop' }, 'stop'],
    [{ record: 'on' }, 'start'],
    [{ record: 'off' }, 'stop'],
    [{ 'x-recording': 'start, stop' }, 'unknown'],
    [{ 'x-recording': '' }, 'unknown'],
    [{}, undefined],
  ] as const) {
    t.equal(commandOf(request(headers)), command, JSON.stringify(headers));
  }
  t.end();
});

t.test('keys in INFO', (t) => {
  for (const [type, body, key] of [
    ['application/dtmf-relay', 'Signal=5\r\nDuration=160\r\n', '5'],
    ['application/dtmf-relay; charset=utf-8', 'Signal= *\r\nDuration= 250', '*'],
    ['Application/DTMF-Relay', 'Duration=100\r\nSignal=#', '#'],
    ['application/dtmf-relay', 'signal=a', 'A'],
    ['application/dtmf-relay', 'Signal=10\r\n', '*'],
    ['application/dtmf-relay', 'Signal=11\r\n', '#'],
    ['application/dtmf-relay', 'Signal=16\r\n', undefined],
    ['application/dtmf-relay', 'Duration=160', undefined],
    ['application/dtmf', '7', '7'],
    ['application/dtmf', ' *\r\n', '*'],
    ['application/dtmf', '', undefined],
    ['application/dtmf', 'x', undefined],
    ['application/sdp', '7', undefined],
    ['', '7', undefined],
  ] as const) {
    t.equal(keyOf(type, body), key, `${type} ${JSON.stringify(body)}`);
  }
  t.end();
});

t.test('any text is a key or none', (t) => {
  const outcomes = [undefined, ...'0123456789*#ABCD'.split('')];
  fc.assert(fc.property(fc.string(), fc.string(), (type, body) => outcomes.includes(keyOf(type, body)) && outcomes.includes(keyOf('application/dtmf-relay', body))));
  t.end();
});
