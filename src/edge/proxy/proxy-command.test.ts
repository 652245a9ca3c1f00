import t from 'tap';
import { MAX_TARGETS, parseProxyCommand, type ProxyCommand, type ProxyReason } from './proxy-command.js';

const parse = (line: string, text = ''): ProxyCommand | ProxyReason => parseProxyCommand(line.split('|'), text);

t.test('a proxy command as drachtio-srf writes it', (t) => {
  t.strictSame(
    parse('remainInDialog|fullResponse|followRedirects|simultaneous|500ms|20s|sip:a@192.0.2.1|sip:b@192.0.2.2', 'INVITE sip:a@192.0.2.1 SIP/2.0\r\nx-a: 1\r\n\r\n'),
    {
      recordRoute: true, fullResponse: true, followRedirects: true, simultaneous: true, provisionalMs: 500, finalMs: 20_000,
      targets: ['sip:a@192.0.2.1', 'sip:b@192.0.2.2'], headers: [{ key: 'x-a', name: 'x-a', value: '1' }],
      failoverMs: undefined, retarget: false, strip: [],
    },
  );
  t.match(parse('|||serial|||sip:a'), { recordRoute: false, fullResponse: false, followRedirects: false, simultaneous: false, provisionalMs: undefined, finalMs: undefined, headers: [] });
  t.end();
});

const rejects: readonly (readonly [what: string, line: string, reason: ProxyReason])[] = [
  ['no target', '||||||', 'no-target'],
  ['more targets than are tried', `||||||${Array.from({ length: MAX_TARGETS + 1 }, () => 'sip:a').join('|')}`, 'too-many-targets'],
  ['a target that is no URI', '||||||a', 'bad-target'],
  ['a timeout without a unit', '||||5||sip:a', 'bad-timeout'],
  ['a timeout that is no number', '||||xs||sip:a', 'bad-timeout'],
  ['a timeout that no timer can wait for, and would fire at once', '|||||2147484s|sip:a', 'bad-timeout'],
  ['a timeout of too many milliseconds', '||||2147483648ms||sip:a', 'bad-timeout'],
];
for (const [what, line, reason] of rejects) {
  t.test(`refused: ${what}`, (t) => {
    t.equal(parse(line), reason);
    t.end();
  });
}

t.test('refused: headers that are none', (t) => {
  t.equal(parse('||||||sip:a', 'nonsense'), 'bad-message');
  t.end();
});
