import fc from 'fast-check';
import t from 'tap';
import { encodeMessage } from './encode-message.js';
import { limits, parseMessage, parseText } from './parse-message.js';
import { headerOf, headersOf, type SipMessage } from './sip-message.js';
import { parseNameAddr } from './name-addr.js';
import { paramOf, splitList, withoutParam } from './params.js';
import { parseUri } from './uri.js';
import { parseVia } from './via.js';

const lines = (...all: string[]): string => `${all.join('\r\n')}\r\n\r\n`;

const minimal = lines(
  'OPTIONS sip:carol@chicago.com SIP/2.0',
  'Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKhjhs8ass877',
  'Max-Forwards: 70',
  'To: <sip:carol@chicago.com>',
  'From: Alice <sip:alice@atlanta.com>;tag=1928301774',
  'Call-ID: a84b4c76e66710',
  'CSeq: 63104 OPTIONS',
  'Content-Length: 0',
);

function parsed(text: string): SipMessage {
  const message = parseMessage(text);
  if (typeof message === 'string') throw new Error(message);
  return message;
}

t.test('the OPTIONS of RFC 3261 §11.1', (t) => {
  t.match(parsed(minimal), {
    kind: 'request', method: 'OPTIONS', uri: 'sip:carol@chicago.com', callId: 'a84b4c76e66710',
    cseq: { number: 63_104, method: 'OPTIONS' }, fromTag: '1928301774', toTag: '',
    via: { transport: 'UDP', host: 'pc33.atlanta.com', branch: 'z9hG4bKhjhs8ass877' },
  });
  t.end();
});

t.test('a tortuous INVITE (after RFC 4475 §3.1.1.1): folding, compact names, odd spacing, escaped quotes', (t) => {
  const message = parsed([
    'INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0',
    'TO :',
    ' sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n',
    'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>',
    '  ;',
    '  tag = 98asjd8',
    'MaX-fOrWaRdS: 0068',
    'Call-ID: intmeth.1234ABCD@192.0.2.1',
    'cseq: 0009',
    '  INVITE',
    'Via  : SIP  /   2.0',
    ' /UDP',
    '    192.0.2.2;branch=390skdjuw',
    's :',
    'NewFangledHeader:   newfangled value',
    ' continued newfangled value',
    'UnknownHeaderWithUnusualValue: ;;,,;;,;',
    'Content-Type: application/sdp',
    'Route:',
    ' <sip:services.example.com;lr;unknownwith=value;unknown-no-value>',
    'v:  SIP  / 2.0  / TCP     spindle.example.com   ;',
    '  branch  =   z9hG4bK9ikj8  ,',
    ' SIP  /    2.0   / UDP  192.168.255.111   ; branch=',
    ' z9hG4bK30239',
    'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =',
    '      newvalue ;',
    '  secondparam ; q = 0.33',
    '', '',
  ].join('\r\n'));
  t.match(message, { method: 'INVITE', fromTag: '98asjd8', toTag: '1918181833n', cseq: { number: 9, method: 'INVITE' }, via: { host: '192.0.2.2', branch: '390skdjuw' } });
  t.equal(headersOf(message, 'via').length, 3);
  t.equal(headerOf(message, 'newfangledheader'), 'newfangled value continued newfangled value');
  t.end();
});

t.test('line feeds alone, blank lines before the start line, and what follows Content-Length', (t) => {
  t.equal(parsed(minimal.replaceAll('\r\n', '\n')).callId, 'a84b4c76e66710');
  t.equal(parsed(`\r\n\r\n${minimal}`).callId, 'a84b4c76e66710');
  t.equal(parsed(`${minimal.replace('Length: 0', 'Length: 2')}body`).body, 'bo');
  t.equal(parsed(`${minimal.replace('Content-Length: 0\r\n', '')}body`).body, 'body');
  t.end();
});

t.test('lists of Via, Route and Record-Route come apart; commas in quotes and brackets do not count', (t) => {
  const message = parsed(minimal.replace('Max-Forwards', 'Route: <sip:a;lr>, <sip:b,c;lr>\r\nSubject: one, two\r\nMax-Forwards'));
  t.strictSame(headersOf(message, 'route'), ['<sip:a;lr>', '<sip:b,c;lr>']);
  t.strictSame(headersOf(message, 'subject'), ['one, two']);
  t.strictSame(splitList('"a,b" <sip:x>, <sip:y>'), ['"a,b" <sip:x>', '<sip:y>']);
  t.end();
});

t.test('a header that may come once may say the same twice', (t) => {
  t.equal(parsed(minimal.replace('Max-Forwards: 70', 'Max-Forwards: 70\r\nMax-Forwards: 70')).callId, 'a84b4c76e66710');
  t.end();
});

const rejects: readonly (readonly [what: string, text: string, reason: string])[] = [
  ['nothing', '', 'empty'],
  ['keep-alive', '\r\n\r\n', 'empty'],
  ['no blank line', minimal.slice(0, -2), 'no-end-of-headers'],
  ['only a word', 'HELLO\r\n\r\n', 'bad-start-line'],
  ['blank in the URI', minimal.replace('sip:carol@chicago.com SIP', 'sip:carol @chicago.com SIP'), 'bad-start-line'],
  ['method of no token', minimal.replace('OPTIONS sip', 'OPT(IONS sip'), 'bad-start-line'],
  ['version 7', minimal.replace('SIP/2.0\r\nVia', 'SIP/7.0\r\nVia'), 'bad-version'],
  ['status of 99', minimal.replace(/^.*\r\n/u, 'SIP/2.0 099 Low\r\n'), 'bad-start-line'],
  ['status of four digits', minimal.replace(/^.*\r\n/u, 'SIP/2.0 4294967301 better not break the receiver\r\n'), 'bad-start-line'],
  ['header without colon', minimal.replace('Max-Forwards: 70', 'Max-Forwards 70'), 'bad-header'],
  ['header name with a blank', minimal.replace('Max-Forwards:', 'Max Forwards:'), 'bad-header'],
  ['carriage return in a value', minimal.replace('70\r\n', '7\r0\r\n'), 'bad-header'],
  ['length of letters', minimal.replace('Length: 0', 'Length: none'), 'bad-content-length'],
  ['negative length', minimal.replace('Length: 0', 'Length: -999'), 'bad-content-length'],
  ['body cut short', minimal.replace('Length: 0', 'Length: 9'), 'short-body'],
  ['too many headers', minimal.replace('Max-Forwards: 70\r\n', 'X: 1\r\n'.repeat(limits.headers + 1)), 'too-many-headers'],
  ['a header too long', minimal.replace('Max-Forwards: 70', `X: ${'x'.repeat(limits.headerBytes)}`), 'header-too-large'],
  ['a message too long', `${minimal}${'x'.repeat(limits.messageBytes)}`, 'too-large'],
  ['no Via', minimal.replace(/Via.*\r\n/u, ''), 'no-via'],
  ['unknown Via', minimal.replace('SIP/2.0/UDP', 'SAP/2.0/UDP'), 'bad-via'],
  ['no From', minimal.replace(/From.*\r\n/u, ''), 'no-from'],
  ['From without end', minimal.replace('atlanta.com>', 'atlanta.com'), 'bad-from'],
  ['From without tag', minimal.replace(';tag=1928301774', ''), 'no-from-tag'],
  ['no To', minimal.replace(/To.*\r\n/u, ''), 'no-to'],
  ['To of nothing', minimal.replace('<sip:carol@chicago.com>', '<>'), 'bad-to'],
  ['no Call-ID', minimal.replace(/Call-ID.*\r\n/u, ''), 'no-call-id'],
  ['no CSeq', minimal.replace(/CSeq.*\r\n/u, ''), 'no-cseq'],
  ['CSeq beyond 2**31', minimal.replace('63104', '36893488147419103232'), 'bad-cseq'],
  ['two values of one header', minimal.replace('Max-Forwards: 70', 'Max-Forwards: 70\r\nMax-Forwards: 5'), 'contradiction'],
  ['a quote in the Via that never closes', minimal.replace('ass877', 'ass"877'), 'bad-via'],
  ['a Via below the first that is none', minimal.replace('Max-Forwards', 'Via: ;\r\nMax-Forwards'), 'bad-via'],
  ['brackets around the URI', minimal.replace('sip:carol@chicago.com SIP', '<sip:carol@chicago.com> SIP'), 'bad-start-line'],
  ['CSeq of another method', minimal.replace('63104 OPTIONS', '63104 INVITE'), 'cseq-method'],
];

for (const [what, text, reason] of rejects) {
  t.test(`refused: ${what}`, (t) => {
    t.equal(parseMessage(text), reason);
    t.end();
  });
}

t.test('a message cut anywhere is refused or read, and never more than it was', (t) => {
  const whole = minimal.replace('Length: 0', 'Length: 4');
  for (let i = 0; i < whole.length; i += 1) t.type(parseMessage(whole.slice(0, i)), 'string');
  t.end();
});

t.test('nothing that arrives makes the parsers throw', (t) => {
  const shredded = fc.tuple(fc.nat(minimal.length), fc.nat(minimal.length), fc.string({ unit: 'binary' })).map(([from, to, middle]) => `${minimal.slice(0, from)}${middle}${minimal.slice(to)}`);
  fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')), shredded), (text) => {
    parseMessage(text);
    parseText(text, 'application');
    parseUri(text);
    parseUri(`sip:${text}`);
    parseNameAddr(text);
    parseVia(text);
    parseVia(`SIP/2.0/UDP ${text}`);
    paramOf(text, 'x');
    withoutParam(text, 'x');
    splitList(text);
  }));
  t.end();
});

t.test('what is read is written back the same', (t) => {
  const token = fc.stringMatching(/^[A-Za-z0-9]{1,12}$/u);
  const value = fc.stringMatching(/^[!-~\u00a1-\u00ff](?:[ -~\u00a1-\u00ff]{0,20}[!-~\u00a1-\u00ff])?$/u);
  fc.assert(fc.property(token, token, fc.nat(2 ** 31 - 1), fc.array(fc.tuple(token, value)), fc.string({ unit: 'binary-ascii' }), (user, tag, cseq, extra, body) => {
    const text = lines(
      `MESSAGE sip:${user}@example.com SIP/2.0`, `Via: SIP/2.0/TCP example.com;branch=z9hG4bK${tag}`, `From: <sip:${user}@example.com>;tag=${tag}`,
      'To: <sip:b@example.com>', `Call-ID: ${tag}@x`, `CSeq: ${cseq} MESSAGE`, ...extra.map(([name, text_]) => `X-${name}: ${text_}`), `Content-Length: ${body.length}`,
    ) + body;
    const message = parsed(text);
    const again = parsed(encodeMessage(message));
    return JSON.stringify(again) === JSON.stringify(message) && message.body === body && headersOf(message, 'call-id').length === 1;
  }));
  t.end();
});

t.test('URIs: users with passwords and parameters, IPv6, ports, and what is none', (t) => {
  t.strictSame(parseUri('sips:alice:pw;x=y@[2001:DB8::1]:5061;transport=TCP;lr?subject=a'), {
    scheme: 'sips', user: 'alice:pw;x=y', host: '2001:db8::1', port: 5061, params: ';transport=TCP;lr',
  });
  for (const [text, reason] of [['tel:+1', 'not-sip'], ['sip:', 'no-host'], ['sip:a@', 'no-host'], ['sip:a@[::1', 'bad-host'], ['sip:a@b c', 'bad-host'], ['sip:a@b:0', 'bad-port'], ['sip:a@b:99999', 'bad-port']] as const) {
    t.equal(parseUri(text), reason, text);
  }
  t.end();
});
