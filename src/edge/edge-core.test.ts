import t from 'tap';
import { answerTo, standingEdge, type Sent } from './core.fixture.js';
import { standardTiming } from './timing.js';

const SIXTY_FOUR_T1 = 64 * standardTiming.t1Ms;

const startsWith = (sent: readonly Sent[], start: string): string[] => sent.filter((each) => each.text.startsWith(start)).map((each) => each.text);
const last = (sent: readonly Sent[]): string => sent.at(-1)?.text ?? '';

const invite = (branch: string, ...more: readonly string[]): string[] => [
  'INVITE sip:b@192.0.2.250 SIP/2.0', `Via: SIP/2.0/UDP 192.0.2.1:5060;branch=${branch}`, 'Max-Forwards: 70', 'From: <sip:a@192.0.2.1>;tag=a', 'To: <sip:b@192.0.2.250>',
  'Call-ID: call', 'CSeq: 1 INVITE', 'Contact: <sip:a@192.0.2.1>', ...more, 'Content-Length: 0',
];

/** What an application is told about the request that it was given last. */
const transactionOf = (told: readonly string[]): string => told.at(-1)?.split('|')[7] ?? '';

t.test('an INVITE whose callee says 100 and then nothing is cancelled, and ends', (t) => {
  const { sent, receive, app, advance, core } = standingEdge();
  const { told, say } = app();
  say('sip|||\r\nINVITE sip:b@192.0.2.1 SIP/2.0\r\n\r\n');
  receive(answerTo(last(sent), '100 Trying', ''));
  advance(standardTiming.ringingMs);
  t.equal(startsWith(sent, 'CANCEL').length, 1);
  advance(2 * SIXTY_FOUR_T1);
  t.match(told.at(-1), /\r\nSIP\/2\.0 487 /u, 'the application is told');
  t.equal(core.transactions, 0);
  t.equal(core.pending, 0);
  t.end();
});

t.test('an answered call whose ACK has no way to go is forgotten all the same', (t) => {
  const { sent, receive, app, advance, core } = standingEdge();
  const { say } = app();
  say('sip|||\r\nINVITE sip:b@192.0.2.1 SIP/2.0\r\n\r\n');
  receive(answerTo(last(sent), '200 OK', 'b', ['Contact: <sip:b@nowhere.example>']));
  advance(3 * SIXTY_FOUR_T1);
  t.equal(core.pending, 0);
  t.equal(core.stats().dialogs, 0);
  t.end();
});

t.test('an application whose ACK had no way to go, or never came, is not behind with everything else', (t) => {
  for (const acknowledges of [true, false]) {
    const { sent, receive, app, advance } = standingEdge();
    const { told, say } = app('invite');
    say('sip|||\r\nINVITE sip:b@192.0.2.1 SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n');
    receive(answerTo(last(sent), '200 OK', 'b', ['Contact: <sip:b@nowhere.example>']));
    const dialogId = told.at(-1)?.split('|')[8] ?? '';
    if (acknowledges) t.match(say(`sip||${dialogId}|\r\nACK sip:placeholder SIP/2.0\r\n\r\n`), /^NOK/u);
    advance(acknowledges ? 1_000 : 2 * SIXTY_FOUR_T1);
    receive(invite('z9hG4bK1'));
    t.match(told.at(-1), /\r\nINVITE /u, acknowledges ? 'it did its part' : 'nobody waits for it any more');
  }
  t.end();
});

t.test('when forking finds a second callee, the first keeps its own ACK (RFC 3261 §13.2.2.4)', (t) => {
  const { sent, receive, app } = standingEdge();
  const { told, say } = app();
  say('sip|||\r\nINVITE sip:b@192.0.2.1 SIP/2.0\r\n\r\n');
  const request = last(sent);
  const contact = ['Contact: <sip:b@192.0.2.1>'];
  receive(answerTo(request, '200 OK', 'first', contact));
  const dialogId = told.at(-1)?.split('|')[8] ?? '';
  t.match(say(`sip||${dialogId}|\r\nACK sip:placeholder SIP/2.0\r\n\r\n`), /^OK/u);
  receive(answerTo(request, '200 OK', 'second', contact));
  t.match(last(sent), /^BYE .*;tag=second\r\n/su, 'the second is hung up');
  receive(answerTo(request, '200 OK', 'first', contact));
  t.match(last(sent), /^ACK .*;tag=first\r\n/su, 'the first is acknowledged again');
  t.end();
});

t.test('when forking finds a second callee, an application that never sends its ACK is still not waited for', (t) => {
  const { sent, receive, app, advance, core } = standingEdge();
  const { say } = app();
  say('sip|||\r\nINVITE sip:b@192.0.2.1 SIP/2.0\r\n\r\n');
  const request = last(sent);
  const contact = ['Contact: <sip:b@192.0.2.1>'];
  receive(answerTo(request, '200 OK', 'first', contact));
  receive(answerTo(request, '200 OK', 'second', contact));
  sent.length = 0;
  advance(SIXTY_FOUR_T1);
  t.match(startsWith(sent, 'ACK')[0], /;tag=first\r\n/u, 'it is acknowledged');
  t.ok(startsWith(sent, 'BYE').some((bye) => bye.includes(';tag=first\r\n')), 'and hung up');
  advance(2 * SIXTY_FOUR_T1);
  t.equal(core.pending, 0);
  t.end();
});

t.test('a subscription that is accepted when its application has gone leaves no dialog', (t) => {
  const { sent, receive, app, core } = standingEdge();
  const { session, say } = app();
  say('sip|||\r\nSUBSCRIBE sip:b@192.0.2.1 SIP/2.0\r\nEvent: presence\r\n\r\n');
  session.closed();
  receive(answerTo(last(sent), '202 Accepted', 'b', ['Contact: <sip:b@192.0.2.1>']));
  t.equal(core.stats().dialogs, 0);
  t.end();
});

t.test('a target that answers after its time is not passed back: the caller has had its final response (RFC 6026)', (t) => {
  const { sent, receive, app, advance } = standingEdge();
  const { told, say } = app('invite');
  receive(invite('z9hG4bK1'));
  say(`proxy|${transactionOf(told)}||fullResponse||serial|||sip:b@192.0.2.2\r\n`);
  const forwarded = last(sent);
  advance(SIXTY_FOUR_T1);
  t.match(last(sent), /^SIP\/2\.0 408 /u);
  sent.length = 0;
  receive(answerTo(forwarded, '200 OK', 'b', ['Contact: <sip:b@192.0.2.2>']));
  t.strictSame(startsWith(sent, 'SIP/2.0 2'), []);
  t.end();
});

t.test('a proxied response goes back under the Vias of its request, whatever the target made of them', (t) => {
  const { sent, receive, app } = standingEdge();
  const { told, say } = app('invite');
  receive(invite('z9hG4bK1'));
  say(`proxy|${transactionOf(told)}||fullResponse||serial|||sip:b@192.0.2.2\r\n`);
  const answer = answerTo(last(sent), '486 Busy Here', 'b');
  const vias = answer.filter((line) => line.startsWith('Via:'));
  t.equal(vias.length, 2);
  receive(answer.filter((line) => line !== vias[1]).map((line) => (line.startsWith('Call-ID:') ? 'Call-ID: another' : line)));
  const response = startsWith(sent, 'SIP/2.0 486')[0] ?? '';
  t.match(response, /^SIP\/2\.0 486 Busy Here\r\nVia: SIP\/2\.0\/UDP 192\.0\.2\.1:5060;branch=z9hG4bK1\r\n/u);
  t.match(response, /\r\nCall-ID: call\r\n/u);
  t.end();
});

t.test('while there is no time for all, what has begun is still known, and the ACK to a refusal is nobody’s', (t) => {
  const load = { busy: 0, waitMs: 0, memory: 0 };
  const { sent, receive, app, advance, core } = standingEdge({}, { load: () => load });
  const { told, say } = app('invite');
  receive(invite('z9hG4bK1'));
  say(`sip|${transactionOf(told)}|\r\nSIP/2.0 486 Busy Here\r\n\r\n`);
  load.memory = 1;
  advance(100);
  receive(invite('z9hG4bK2'));
  const { transactions, received } = { ...core.stats() };
  sent.length = 0;
  receive(invite('z9hG4bK1'));
  t.match(last(sent), /^SIP\/2\.0 486 /u, 'a repeated INVITE gets its answer');
  receive(invite('z9hG4bK3'));
  const refusal = last(sent);
  t.match(refusal, /^SIP\/2\.0 503 .*;branch=z9hG4bK3\r\n.*\r\nRetry-After: \d+\r\n/su);
  receive(invite('z9hG4bK3'));
  t.equal(/;tag=(?!a\r)[^\r]+/u.exec(last(sent))?.[0], /;tag=(?!a\r)[^\r]+/u.exec(refusal)?.[0], 'the same tag each time (RFC 3261 §8.2.7)');
  const toldBefore = told.length;
  receive(invite('z9hG4bK3').map((line) => line.replace(/^INVITE|INVITE$/u, 'ACK')).map((line) => (line.startsWith('To:') ? `To: ${/\r\nTo: ([^\r]+)/u.exec(refusal)?.[1] ?? ''}` : line)));
  t.strictSame([told.length, core.stats().transactions], [toldBefore, transactions]);
  t.equal(core.stats().received, received + 4);
  load.memory = 0;
  advance(60);
  receive(invite('z9hG4bK4', 'X-Malformed\u0001: yes'));
  t.match(last(sent), /^SIP\/2\.0 (?:400|503) /u);
  t.end();
});

t.test('a copy of what was turned away is turned away as well, even where there is time again; the next attempt is let in', (t) => {
  const load = { busy: 0, waitMs: 0, memory: 0 };
  const { sent, receive, app, advance } = standingEdge({}, { load: () => load });
  const { told } = app('invite');
  const call = (branch: string): void => receive(invite(branch).map((line) => line.replace(/^Call-ID:.*/u, `Call-ID: ${branch}`)));
  load.memory = 1;
  advance(100);
  call('z9hG4bK1');
  advance(100);
  call('z9hG4bK2');
  t.match(last(sent), /^SIP\/2\.0 503 .*;branch=z9hG4bK2\r\n/su);
  load.memory = 0;
  for (let i = 0; i < 20; i += 1) {
    advance(100);
    call(`z9hG4bKx${i}`);
  }
  const letIn = told.length;
  t.match(told.at(-1), /z9hG4bKx19/u, 'there is time again');
  call('z9hG4bK2');
  t.match(last(sent), /^SIP\/2\.0 503 .*;branch=z9hG4bK2\r\n/su);
  t.equal(told.length, letIn);
  call('z9hG4bK3');
  t.equal(told.length, letIn + 1);
  advance(8_100);
  call('z9hG4bK2');
  t.equal(told.length, letIn + 2, 'nothing is kept for long');
  t.end();
});

t.test('a message says its length as it is told, also where bytes that are no text stand for themselves', (t) => {
  const { receive, app } = standingEdge();
  const { told } = app('invite');
  receive(invite('z9hG4bK1', 'Subject: caf\xe9'));
  const frame = told.at(-1) ?? '';
  const text = frame.slice(frame.indexOf('\r\n') + 2);
  t.match(text, /\r\nSubject: caf\xef\x9f\xa9\r\n/u);
  t.equal(Number(frame.split('|')[2]), text.length);
  t.end();
});
