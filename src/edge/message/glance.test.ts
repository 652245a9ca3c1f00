import t from 'tap';
import { makeResponse } from '../transaction/make-response.js';
import { encodeMessage } from './encode-message.js';
import { glanceAtCall } from './glance.js';
import { parseMessage } from './parse-message.js';
import * as invalid from './torture-invalid.fixture.js';
import * as valid from './torture-valid.fixture.js';

const lines = {
  start: 'INVITE sip:b@192.0.2.250 SIP/2.0', via: 'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1', second: 'v: SIP/2.0/TCP proxy.example;branch=z9hG4bK0',
  from: 'From: "A, \\"B\\"" <sip:a@192.0.2.1>;tag=a', to: 't: <sip:b@192.0.2.250;x=;tag>', callId: 'Call-ID: call', cseq: 'CSeq: 1 INVITE', other: 'X-Other: <>;tag=none', folded: 'Subject: one',
};
const written = (replaced: Partial<Record<keyof typeof lines, string>> = {}): string => `${Object.values({ ...lines, ...replaced }).filter((line) => line !== '').join('\r\n')}\r\n\r\nv=0\r\n`;

const refusal = (request: Parameters<typeof makeResponse>[0]): string => encodeMessage(makeResponse(request, 503, 'Service Unavailable', 'x'));

t.test('what is turned away after a glance is told the same as after it has been read', (t) => {
  const text = written();
  const [glimpse, message] = [glanceAtCall(text), parseMessage(text)];
  if (glimpse === undefined || typeof message === 'string' || message.kind === 'response') throw new Error('not read');
  t.equal(refusal(glimpse), refusal(message));
  t.strictSame(glimpse.via, message.via);
  t.end();
});

t.test('so it is with every message of RFC 4475 that a glance says anything of', (t) => {
  const seen = Object.entries({ ...valid, ...invalid }).filter(([name, text]) => {
    const glimpse = glanceAtCall(text);
    const message = parseMessage(text);
    if (glimpse === undefined || typeof message === 'string' || message.kind === 'response') return false;
    t.equal(refusal(glimpse), refusal(message), name);
    return true;
  });
  t.ok(seen.length > 0);
  t.end();
});

const elsewhere: Readonly<Record<string, Partial<Record<keyof typeof lines, string>>>> = {
  'another method': { start: 'OPTIONS sip:b@192.0.2.250 SIP/2.0' },
  'another version': { start: 'INVITE sip:b@192.0.2.250 SIP/3.0' },
  'a request in a dialog': { to: 'To: <sip:b@192.0.2.250>;Tag=b' },
  'a branch without the magic cookie': { via: 'Via: SIP/2.0/UDP 192.0.2.1;branch=1' },
  'a branch that is the magic cookie alone': { via: 'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK' },
  'a Via that can’t be read': { via: 'Via: SIP/2.0/UDP' },
  'a second Via that can’t be read': { second: 'Via: nonsense' },
  'a list of Vias': { via: `${lines.via}, SIP/2.0/TCP proxy.example` },
  'no Via': { via: '', second: '' },
  'no From': { from: '' },
  'no Call-ID': { callId: '' },
  'two To': { other: 'To: <sip:c@192.0.2.250>' },
  'a folded header': { folded: 'Subject: one\r\n two' },
  'line feeds alone': { cseq: 'CSeq: 1 INVITE\nX: y' },
  'a line without a colon': { folded: 'nonsense' },
};
for (const [name, replaced] of Object.entries(elsewhere)) {
  t.test(`a glance says nothing of ${name}`, (t) => {
    t.equal(glanceAtCall(written(replaced)), undefined);
    t.end();
  });
}

t.test('wherever a message is cut off, a glance says nothing of it, or reads its whole head', (t) => {
  const text = written();
  const head = text.indexOf('\r\n\r\n') + 4;
  for (let length = 0; length < text.length; length += 1) t.equal(glanceAtCall(text.slice(0, length)) !== undefined, length >= head);
  t.end();
});
