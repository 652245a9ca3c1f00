import fc from 'fast-check';
import t from 'tap';
import { parseApplicationAddress, parseInstruction } from './instruction.js';

const answer = (action: string, data: object): string => JSON.stringify({ action, data });

for (const [what, text, expected] of [
  ['reject', answer('reject', { status: 486, reason: 'Not Now' }), { action: 'reject', status: 486, reason: 'Not Now' }],
  ['reject without a reason', answer('reject', { status: 603 }), { action: 'reject', status: 603, reason: undefined }],
  ['redirect to one', answer('redirect', { contact: 'sip:a@b' }), { action: 'redirect', contacts: ['sip:a@b'] }],
  ['redirect to several', answer('redirect', { contact: ['sip:a@b', '<sip:c@d>;q=0.5'] }), { action: 'redirect', contacts: ['sip:a@b', '<sip:c@d>;q=0.5'] }],
  ['proxy, with what drachtio-server takes for granted', answer('proxy', { destination: '192.0.2.1' }), {
    action: 'proxy', tokens: ['', '', 'followRedirects', 'serial', '5s', '60s', 'sip:192.0.2.1'],
  }],
  ['proxy, everything said', answer('proxy', {
    destination: ['sip:a@b', 'sips:c@d'], recordRoute: true, followRedirects: false, simultaneous: true, provisionalTimeout: '1s', finalTimeout: '2s',
  }), { action: 'proxy', tokens: ['remainInDialog', '', '', 'simultaneous', '1s', '2s', 'sip:a@b', 'sips:c@d'] }],
  ['route by tcp', answer('route', { uri: '192.0.2.1:4000' }), { action: 'connect', host: '192.0.2.1', port: 4_000, tls: false }],
  ['route by tls, IPv6', answer('route', { uri: '[2001:db8::1]:4000;transport=tls' }), { action: 'connect', host: '2001:db8::1', port: 4_000, tls: true }],
  ['route by tag', answer('route', { tag: 'blue' }), { action: 'tag', tag: 'blue' }],
  ['UTF-8 becomes bytes', answer('reject', { status: 404, reason: 'ü' }), { action: 'reject', status: 404, reason: 'Ã¼' }],
] as const) {
  t.test(`understood: ${what}`, (t) => {
    t.strictSame(parseInstruction(text), expected);
    t.end();
  });
}

for (const [what, text, reason] of [
  ['nothing', '', 'no-json'],
  ['no JSON', '<html>', 'no-json'],
  ['a list', '[]', 'no-json'],
  ['no data', '{"action":"reject"}', 'no-data'],
  ['an unknown action', answer('forward', {}), 'no-action'],
  ['a status of text', answer('reject', { status: '486' }), 'bad-status'],
  ['a status that accepts', answer('reject', { status: 200 }), 'bad-status'],
  ['a status beyond SIP', answer('reject', { status: 700 }), 'bad-status'],
  ['no contact', answer('redirect', {}), 'bad-contact'],
  ['a contact that breaks its line', answer('redirect', { contact: 'sip:a@b\r\nEvil: yes' }), 'bad-contact'],
  ['a contact that is no text', answer('redirect', { contact: ['sip:a@b', 7] }), 'bad-contact'],
  ['no destination', answer('proxy', {}), 'bad-destination'],
  ['no destination in a list', answer('proxy', { destination: [] }), 'bad-destination'],
  ['a route to nowhere', answer('route', {}), 'bad-route'],
  ['a route by udp', answer('route', { uri: '192.0.2.1:4000;transport=udp' }), 'bad-route'],
] as const) {
  t.test(`refused: ${what}`, (t) => {
    t.equal(parseInstruction(text), reason);
    t.end();
  });
}

t.test('characters above a byte can not become line ends', (t) => {
  const instruction = parseInstruction(answer('reject', { status: 404, reason: 'a\u010d\u010ab' }));
  t.ok(typeof instruction !== 'string' && instruction.action === 'reject');
  if (typeof instruction !== 'string' && instruction.action === 'reject') t.notMatch(Buffer.from(instruction.reason ?? '', 'latin1').toString('latin1'), /[\r\n]/u);
  t.end();
});

t.test('no text makes it throw', (t) => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.record({ action: fc.string(), data: fc.object() }).map((each) => JSON.stringify(each))), (text) => {
    parseInstruction(text);
    parseApplicationAddress(text);
  }));
  t.end();
});
