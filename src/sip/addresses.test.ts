import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';

import { encodeSipUri, hostPort, parseHostPort, parseNameAddr, parseSipUri, uriOfNameAddr } from './addresses.js';
import { anyText, holds, mutated } from './generated.fixture.js';

const none = new Map<string, string>();

t.test('URIs in the forms of RFC 3261 §19.1.3 come apart', (t) => {
  t.same(parseSipUri('sip:alice@atlanta.example'), {
    scheme: 'sip', user: 'alice', host: 'atlanta.example', params: none, headers: none,
  });
  t.same(parseSipUri('sip:alice:secretword@atlanta.example;transport=tcp'), {
    scheme: 'sip', user: 'alice:secretword', host: 'atlanta.example', params: new Map([['transport', 'tcp']]), headers: none,
  });
  t.same(parseSipUri('SIPS:+1-212-555-1212:1234@Gateway.example:5071;User=phone;lr?subject=a%20b&priority=urgent'), {
    scheme: 'sips',
    user: '+1-212-555-1212:1234',
    host: 'gateway.example',
    port: 5071,
    params: new Map([['user', 'phone'], ['lr', '']]),
    headers: new Map([['subject', 'a%20b'], ['priority', 'urgent']]),
  });
  t.same(parseSipUri('sip:192.0.2.4'), { scheme: 'sip', host: '192.0.2.4', params: none, headers: none });
  t.end();
});

t.test('semicolon and question mark before the @ belong to the user (RFC 3261 §25.1)', (t) => {
  t.match(parseSipUri('sip:+15551234;phone-context=example.com?x@gw.example;user=phone'), {
    user: '+15551234;phone-context=example.com?x', host: 'gw.example',
  });
  t.end();
});

t.test('IPv6 stands in brackets in a URI and without them in the value', (t) => {
  t.match(parseSipUri('sip:bob@[2001:DB8::10]:5060'), { host: '2001:db8::10', port: 5060 });
  t.equal(hostPort('2001:db8::10', 5060), '[2001:db8::10]:5060');
  t.equal(hostPort('2001:db8::10'), '[2001:db8::10]');
  t.equal(hostPort('192.0.2.4', 5060), '192.0.2.4:5060');
  t.equal(hostPort('sip.example'), 'sip.example');
  t.same(parseHostPort('[::1]:5062'), { host: '::1', port: 5062 });
  t.end();
});

t.test('a tel URI is a number and parameters (RFC 3966)', (t) => {
  t.match(parseSipUri('tel:+15551234;phone-context=example.com'), { scheme: 'tel', user: '+15551234', host: '' });
  t.end();
});

t.test('what is no address is malformed', (t) => {
  for (const uri of [
    '', 'sip', 'sip:', 'sip:@', 'sip:@host', 'sip:a@', 'http://x', 'tel:', 'sip:a@b@c', 'sip:a@host:0', 'sip:a@host:70000',
    'sip:a@host:x', 'sip:a@[::1', 'sip:a@::1', 'sip:a@[host]', 'sip:a b@host', 'sip:a@ho\r\nst', '<sip:a@host>', 'sip:a@ho"st',
    `sip:${'a'.repeat(5_000)}@host`, 'sip:a@-host', 'sip:a@host-',
  ]) {
    t.equal(parseSipUri(uri), 'malformed', JSON.stringify(uri).slice(0, 60));
  }
  for (const value of ['', '"Bob"', '"Bob <sip:b@x>', 'Bob <', 'Bob <>', '<sip:b@x', ';tag=1', 'x'.repeat(5_000)]) {
    t.equal(parseNameAddr(value), 'malformed', JSON.stringify(value).slice(0, 60));
    t.equal(uriOfNameAddr(value), undefined);
  }
  t.end();
});

t.test('the URI of a name-addr is found past names that look like one', (t) => {
  t.equal(uriOfNameAddr('"Bob" <sip:b@x>;tag=1'), 'sip:b@x');
  t.equal(uriOfNameAddr('"not <sip:a@x>" <sip:b@x;lr>'), 'sip:b@x;lr');
  t.equal(uriOfNameAddr('<sip:b@x>'), 'sip:b@x');
  t.equal(uriOfNameAddr('sip:b@x;tag=1'), 'sip:b@x', 'without brackets the parameters are the header\'s (RFC 3261 §20)');
  t.end();
});

t.test('name and parameters of a name-addr', (t) => {
  t.same(parseNameAddr('"Bob \\"B\\" \\\\" <sip:b@x>;Tag=abc;x-refci="12"'), {
    uri: 'sip:b@x', name: 'Bob "B" \\', params: new Map([['tag', 'abc'], ['x-refci', '12']]),
  });
  t.same(parseNameAddr('Bob Jones <sip:b@x>'), { uri: 'sip:b@x', name: 'Bob Jones', params: none });
  t.same(parseNameAddr('"" <sip:b@x>'), { uri: 'sip:b@x', params: none });
  t.end();
});

t.test('what is encoded is read back', (t) => {
  const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,10}[a-z0-9]$/);
  const map = fc.array(fc.tuple(name, fc.stringMatching(/^[a-zA-Z0-9%._-]{0,8}$/)), { maxLength: 4 }).map((pairs) => new Map(pairs));
  const uri = fc.record(
    {
      scheme: fc.constantFrom('sip' as const, 'sips' as const),
      user: fc.stringMatching(/^[A-Za-z0-9+;?:=&%.-]{1,20}$/),
      host: fc.oneof(name, fc.ipV6().filter((address) => address.includes(':')), fc.ipV4()),
      port: fc.integer({ min: 1, max: 65_535 }),
      params: map,
      headers: map,
    },
    { requiredKeys: ['scheme', 'host', 'params', 'headers'], noNullPrototype: true },
  );
  holds(t, uri, (value) => isDeepStrictEqual(parseSipUri(encodeSipUri(value)), value));
  t.end();
});

t.test('no text makes the readers throw, and what they read can be written', (t) => {
  const samples = ['sips:+1-212:12@gw.example:5071;user=phone;lr?a=b', '"Bob \\" <x>" <sip:b@[2001:db8::1]:5060;lr>;tag=1', 'tel:+1;x=y'];
  holds(
    t,
    fc.oneof(anyText, mutated(samples)),
    (text) => {
      parseNameAddr(text);
      parseHostPort(text);
      const uri = parseSipUri(text);
      return uri === 'malformed' || isDeepStrictEqual(parseSipUri(encodeSipUri(uri)), uri);
    },
    500,
  );
  t.end();
});
