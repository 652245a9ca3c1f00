/**
 * RFC 4475, every message of it: what the parser makes of each. What the edge answers is in
 * ../torture.test.ts.
 */
import t from 'tap';
import { encodeMessage } from './encode-message.js';
import { parseMessage } from './parse-message.js';
import { salvageRequest } from './salvage.js';
import { headerOf, headersOf, type SipMessage } from './sip-message.js';
import * as invalid from './torture-invalid.fixture.js';
import * as meaning from './torture-meaning.fixture.js';
import { utf8 } from './torture-text.fixture.js';
import * as valid from './torture-valid.fixture.js';
import { parseUri } from './uri.js';

function parsed(text: string): SipMessage {
  const message = parseMessage(text);
  if (typeof message === 'string') throw new Error(message);
  return message;
}

const uriOf = (text: string): string => {
  const message = parsed(text);
  return message.kind === 'request' ? message.uri : '';
};

/** What each well-formed message says, as far as an edge has to know. */
const read: Readonly<Record<keyof typeof valid, object>> = {
  wsinv: {
    method: 'INVITE', uri: 'sip:vivekg@chair-dnrc.example.com;unknownparam', fromTag: '98asjd8', toTag: '1918181833n', callId: 'wsinv.ndaksdj@192.0.2.1',
    cseq: { number: 9, method: 'INVITE' }, via: { transport: 'UDP', host: '192.0.2.2', branch: '390skdjuw' }, from: { display: String.raw`"J Rosenberg \\\""`, uri: 'sip:jdrosen@example.com' },
  },
  intmeth: {
    method: "!interesting-Method0123456789_*+`.%indeed'~", fromTag: "_token~1'+`*%!-.", callId: 'intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{', toTag: '',
    uri: "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
    from: { display: "token1~` token2'+_ token3*%!.-", uri: 'sip:mundane@example.com' }, to: { display: '"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f"' }, via: { branch: "z9hG4bK-.!%66*_+`'~" },
  },
  esc01: { uri: 'sip:sips%3Auser%40example.com@example.net', to: { uri: 'sip:%75se%72@example.com' }, from: { uri: 'sip:I%20have%20spaces@example.net' }, fromTag: '938' },
  escnull: { method: 'REGISTER', to: { uri: 'sip:null-%00-null@example.com' }, from: { uri: 'sip:null-%00-null@example.com' }, fromTag: '839923423' },
  esc02: { method: 'RE%47IST%45R', from: { display: '"%Z%45"' }, via: { branch: 'z9hG4bK209%fzsnel234' } },
  lwsdisp: { from: { display: 'caller', uri: 'sip:caller@example.com' }, fromTag: '323' },
  longreq: { method: 'INVITE', toTag: '', fromTag: `12${'982'.repeat(50)}424`, via: { transport: 'TCP', host: 'sip33.example.com', branch: '' } },
  dblreq: { method: 'REGISTER', callId: 'dblreq.0ha0isndaksdj99sdfafnl3lk233412', body: '' },
  semiuri: { uri: 'sip:user;par=u%40example.net@example.com' },
  transports: { via: { transport: 'UDP', host: 't1.example.com' } },
  mpart01: { method: 'MESSAGE', body: /^--7a9cbec02ceef655[\s\S]*\xd0\x05\r\n--7a9cbec02ceef655--\r\n$/u },
  unreason: { status: 200, reason: `= 2**3 * 5**2 ${utf8('но сто девяносто девять - простое')}`, toTag: '2229' },
  noreason: { status: 100, reason: '' },
};

for (const [name, expected] of Object.entries(read)) {
  t.test(`RFC 4475 §3.1.1 ${name} is read, and means the same when it is written again`, (t) => {
    const message = parsed(valid[name as keyof typeof valid]);
    t.match(message, expected);
    t.strictSame(parsed(encodeMessage(message)), { ...message, headers: parsed(encodeMessage(message)).headers });
    t.end();
  });
}

t.test('RFC 4475 §3.1.1: lists, odd spellings and escapes come through as they are', (t) => {
  t.strictSame(headersOf(parsed(valid.wsinv), 'via').length, 3);
  t.equal(headerOf(parsed(valid.wsinv), 'unknownheaderwithunusualvalue'), ';;,,;;,;');
  t.equal(headersOf(parsed(valid.longreq), 'via').length, 34);
  t.strictSame(headersOf(parsed(valid.esc02), 'contact'), ['<sip:alias1@host1.example.com>', '<sip:alias3@host3.example.com>'], 'a header name has no escapes');
  t.strictSame(headersOf(parsed(valid.escnull), 'contact'), ['<sip:%00@host5.example.com>', '<sip:%00%00@host5.example.com>']);
  t.match(parseUri(uriOf(valid.semiuri)), { user: 'user;par=u%40example.net', host: 'example.com', params: '' });
  t.match(parseUri(uriOf(valid.esc01)), { user: 'sips%3Auser%40example.com', host: 'example.net' });
  t.match(parseUri(uriOf(valid.intmeth)), { host: 'example.com' });
  t.equal(parsed(valid.mpart01).body.length, 553);
  t.end();
});

/** The reason for those that are refused; what an edge may be liberal with is read. */
const judged: readonly (readonly [name: keyof typeof invalid, outcome: string])[] = [
  ['badinv01', 'bad-via'],
  ['clerr', 'short-body'],
  ['ncl', 'bad-content-length'],
  ['scalar02', 'bad-cseq'],
  ['scalarlg', 'bad-cseq'],
  ['quotbal', 'bad-to'],
  ['ltgtruri', 'bad-start-line'],
  ['lwsruri', 'bad-start-line'],
  ['lwsstart', 'read'],
  ['trws', 'read'],
  ['escruri', 'read'],
  ['baddate', 'read'],
  ['regbadct', 'read'],
  ['badaspec', 'read'],
  ['baddn', 'read'],
  ['badvers', 'bad-version'],
  ['mismatch01', 'cseq-method'],
  ['mismatch02', 'cseq-method'],
  ['bigcode', 'bad-start-line'],
];

const judgedMeaning: readonly (readonly [name: keyof typeof meaning, outcome: string])[] = [
  ['badbranch', 'read'],
  ['insuf', 'no-from'],
  ['unkscm', 'read'],
  ['novelsc', 'read'],
  ['unksm2', 'read'],
  ['bext01', 'read'],
  ['invut', 'read'],
  ['regaut01', 'read'],
  ['multi01', 'contradiction'],
  ['mcl01', 'contradiction'],
  ['bcast', 'read'],
  ['zeromf', 'read'],
  ['cparam01', 'read'],
  ['cparam02', 'read'],
  ['regescrt', 'read'],
  ['sdp01', 'read'],
  ['inv2543', 'no-from-tag'],
];

const outcomeOf = (text: string): string => {
  const message = parseMessage(text);
  return typeof message === 'string' ? message : 'read';
};

t.test('RFC 4475 §3.1.2: each invalid message is refused for its reason, or read where that does no harm', (t) => {
  for (const [name, outcome] of judged) t.equal(outcomeOf(invalid[name]), outcome, name);
  t.equal(judged.length, Object.keys(invalid).length, 'none is left out');
  t.end();
});

t.test('RFC 4475 §3.2 to §3.4: each message is read or refused', (t) => {
  for (const [name, outcome] of judgedMeaning) t.equal(outcomeOf(meaning[name]), outcome, name);
  t.equal(judgedMeaning.length, Object.keys(meaning).length, 'none is left out');
  t.end();
});

t.test('what is needed to refuse a request is saved from one that cannot be read', (t) => {
  t.match(salvageRequest(invalid.lwsruri), { method: 'INVITE' });
  t.equal(headerOf(salvageRequest(invalid.badvers) ?? { headers: [] }, 'call-id'), 'badvers.31417@c.example.com');
  for (const [what, text] of [
    ['nothing', ''], ['line breaks', '\r\n\r\n'], ['a response', invalid.bigcode], ['an ACK', invalid.lwsruri.replace('INVITE sip', 'ACK sip')],
    ['another protocol', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'], ['half a line', 'INVITE sip:x SIP/2.0'],
  ] as const) t.equal(salvageRequest(text), undefined, what);
  t.end();
});
