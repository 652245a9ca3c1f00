/** The proxy's search for a target that answers (RFC 3261 §16.5 to §16.10), on a standing clock. */
import t, { type Test } from 'tap';
import { headerOf, headersOf, type SipRequest } from './message/sip-message.js';
import { rawCall, rawResponse, toOf, type RawAnswer, type RawCall } from './raw-peer.fixture.js';
import { openStandingEdge, type StandingApp, type StandingEdge, type StandingPeer } from './standing-edge.fixture.js';
import { sdp } from './party.fixture.js';

interface Options {
  readonly targets?: number;
  readonly uris?: readonly string[];
  readonly method?: string;
  readonly headers?: string;
  readonly recordRoute?: boolean;
  readonly follow?: boolean;
  readonly parallel?: boolean;
  readonly provisional?: string;
  readonly final?: string;
  readonly extra?: string;
}

interface Search {
  readonly edge: StandingEdge;
  readonly app: StandingApp;
  readonly caller: StandingPeer;
  readonly targets: readonly StandingPeer[];
  readonly call: RawCall;
  /** Answers the request that a target has got. */
  answer(target: number, status: number, answer?: RawAnswer): SipRequest;
  /** The same for a request that it got before. */
  again(target: number, request: SipRequest, status: number, answer?: RawAnswer): void;
  /** The tokens of what the application was told under the command, without the SIP text. */
  reports(): string[];
}

const uriOf = (port: number): string => `sip:t@127.0.0.1:${port}`;

function proxied(t: Test, options: Options = {}): Search {
  const edge = openStandingEdge(t);
  const app = edge.app('invite', 'options', 'message', 'register');
  const caller = edge.peer(7_000);
  const targets = Array.from({ length: options.targets ?? 1 }, (_, i) => edge.peer(7_001 + i));
  const method = options.method ?? 'INVITE';
  const call = rawCall(caller.port, 'sip:someone@127.0.0.1:5060');
  caller.send(call.request(method, options.headers === undefined ? {} : { headers: options.headers }));
  if (method === 'INVITE') caller.response(100);
  const { transactionId } = app.told(method);
  const flag = (on: boolean | undefined, name: string): string => (on === true ? name : '');
  const uris = options.uris ?? targets.map((target) => uriOf(target.port));
  app.send(
    `p|proxy|${transactionId}|${flag(options.recordRoute, 'remainInDialog')}|fullResponse|${flag(options.follow, 'followRedirects')}|` +
    `${options.parallel === true ? 'simultaneous' : 'serial'}|${options.provisional ?? ''}|${options.final ?? ''}|${uris.join('|')}\r\n` +
    `${method} ${uris[0] ?? ''} SIP/2.0\r\n${options.extra === undefined ? '' : `${options.extra}\r\n`}\r\n`,
  );
  const again = (target: number, request: SipRequest, status: number, answer: RawAnswer = {}): void => {
    const contact = `Contact: <${uriOf(7_001 + target)}>`;
    targets[target]?.send(rawResponse(request, status, 'Said', { tag: `t${target}`, ...answer, headers: answer.headers ?? contact }));
  };
  return {
    edge, app, caller, targets, call, again,
    answer: (target, status, answer) => {
      const request = targets[target]?.request(method);
      if (request === undefined) throw new Error(`no target ${target}`);
      again(target, request, status, answer);
      return request;
    },
    reports: () => app.answers('p').map((tokens) => (tokens.at(-1) === 'continue' ? 'continue' : tokens.join(' '))),
  };
}

const ack = (search: Search, response: { readonly headers: Parameters<typeof toOf>[0]['headers'] }): void => {
  search.caller.send(search.call.request('ACK', { to: `To: ${headerOf(response, 'to') ?? ''}` }));
};

t.test('serial: each target in turn after a failure, and the best failure at the end', (t) => {
  const search = proxied(t, { targets: 3 });
  search.answer(0, 503);
  t.strictSame(search.targets.map((target) => target.left), [['ACK'], ['INVITE'], []]);
  search.answer(1, 404);
  search.answer(2, 500);
  search.caller.response(404);
  t.strictSame(search.reports(), ['continue', 'continue', 'continue', 'OK done']);
  t.end();
});

t.test('the one failure there is goes back as it is, a 503 too, on which trunks fail over (as drachtio-server)', (t) => {
  const search = proxied(t);
  search.answer(0, 503, { headers: 'Retry-After: 5' });
  t.equal(headerOf(search.caller.response(503), 'retry-after'), '5');
  t.end();
});

t.test('parallel: a 6xx cancels the others and goes back when they have ended (RFC 3261 §16.7 step 5)', (t) => {
  const search = proxied(t, { targets: 2, parallel: true });
  const other = search.answer(0, 180);
  search.caller.response(180);
  search.answer(1, 603);
  t.strictSame(search.caller.left, []);
  search.targets[0]?.send(rawResponse(search.targets[0].request('CANCEL'), 200, 'OK'));
  search.again(0, other, 487);
  search.caller.response(603);
  t.end();
});

t.test('parallel: a 2xx cancels the others, which are told why; all of their late ones are ended or swallowed (RFC 3326)', (t) => {
  const search = proxied(t, { targets: 3, parallel: true });
  const [slow, silent] = [search.answer(0, 180), search.targets[1]?.request('INVITE')];
  search.caller.response(180);
  search.answer(2, 200, { body: sdp('third') });
  search.caller.response(200, 'INVITE');
  t.equal(headerOf(search.targets[0]?.request('CANCEL') ?? { headers: [] }, 'reason'), 'SIP;cause=200;text="Call completed elsewhere"');
  t.strictSame(search.targets[1]?.left, [], 'no CANCEL before a provisional');
  search.again(0, slow, 200, { body: sdp('crossed') });
  search.caller.response(200, 'INVITE');
  if (silent !== undefined) search.again(1, silent, 180);
  search.targets[1]?.request('CANCEL');
  t.strictSame(search.caller.left, [], 'a provisional after the final one is not forwarded');
  t.equal(search.reports().at(-1), 'OK done');
  t.end();
});

t.test('challenges of several targets go back together (RFC 3261 §16.7 step 7)', (t) => {
  const search = proxied(t, { targets: 2, parallel: true });
  search.answer(0, 401, { headers: 'WWW-Authenticate: Digest realm="one", nonce="1"' });
  search.answer(1, 407, { headers: 'Proxy-Authenticate: Digest realm="two", nonce="2"\r\nX-Other: no' });
  const refused = search.caller.response(401);
  t.equal(headerOf(refused, 'www-authenticate'), 'Digest realm="one", nonce="1"');
  t.equal(headerOf(refused, 'proxy-authenticate'), 'Digest realm="two", nonce="2"');
  t.equal(headerOf(refused, 'x-other'), undefined);
  t.end();
});

t.test('a challenge ends a serial search, and its answer within two seconds goes to the target that asked', (t) => {
  for (const [wait, port] of [[1_999, 7_001], [2_000, 7_002]] as const) {
    const search = proxied(t, { targets: 2 });
    search.answer(0, 407, { headers: 'Proxy-Authenticate: Digest realm="r", algorithm=MD5, nonce="n,1"' });
    const refused = search.caller.response(407);
    ack(search, refused);
    t.strictSame(search.targets[1]?.left, []);
    search.targets[0]?.request('ACK');
    search.edge.clock.advance(wait);
    search.caller.send(search.call.request('INVITE', { cseq: 2, branch: 'z9hG4bKagain', headers: 'Proxy-Authorization: Digest username="u", cnonce="c", nonce="n,1", realm="r"' }));
    search.app.send(`q|proxy|${search.app.told('INVITE').transactionId}||fullResponse||serial|||${uriOf(7_002)}\r\n`);
    const asked = search.targets.filter((target) => target.left.includes('INVITE'));
    t.strictSame(asked.map((target) => target.port), [port]);
    t.equal(asked[0]?.request('INVITE').uri, uriOf(port), `after ${wait} ms`);
  }
  t.end();
});

t.test('redirects are followed by preference, into the Request-URI, but not in a circle (RFC 3261 §16.5)', (t) => {
  const search = proxied(t, { targets: 3, uris: [uriOf(7_001)], follow: true });
  search.answer(0, 302, { headers: `Contact: <${uriOf(7_002)}>;q=0.1, <${uriOf(7_003)}>;q=0.9, <mailto:x@y>, <${uriOf(7_001)}>` });
  t.equal(search.answer(2, 302, { headers: `Contact: <${uriOf(7_001)}>, <${uriOf(7_002)}>` }).uri, uriOf(7_003));
  search.answer(1, 404);
  search.caller.response(404);
  t.notOk(search.targets[0]?.left.includes('INVITE'));
  t.end();
});

t.test('a redirect that leads nowhere new is itself the answer; without being asked to, none is followed', (t) => {
  for (const follow of [true, false]) {
    const search = proxied(t, { follow });
    search.answer(0, 302, { headers: `Contact: <${follow ? uriOf(7_001) : uriOf(7_009)}>` });
    search.caller.response(302);
  }
  t.end();
});

t.test('redirects end after twenty targets', (t) => {
  const search = proxied(t, { targets: 40, uris: [uriOf(7_001)], follow: true });
  let asked = 0;
  for (; search.targets[asked]?.left.includes('INVITE') === true; asked += 1) search.answer(asked, 302, { headers: `Contact: <${uriOf(7_002 + asked)}>` });
  t.equal(asked, 20);
  search.caller.response(302);
  t.end();
});

t.test('provisionalTimeout: a target that says nothing is left for the next; a 100 is enough not to be', (t) => {
  const search = proxied(t, { targets: 2, provisional: '2s' });
  search.edge.clock.advance(1_999);
  t.strictSame(search.targets[1]?.left, []);
  search.edge.clock.advance(1);
  search.answer(1, 100);
  search.edge.clock.advance(60_000);
  t.strictSame(search.caller.left, []);
  t.end();
});

t.test('finalTimeout is honoured, from each target: it is cancelled and the next one asked, at last 408', (t) => {
  const search = proxied(t, { targets: 2, final: '10s' });
  search.answer(0, 180);
  search.caller.response(180);
  search.edge.clock.advance(9_999);
  t.strictSame(search.targets[0]?.left, []);
  search.edge.clock.advance(1);
  search.targets[0]?.request('CANCEL');
  search.answer(1, 180);
  search.edge.clock.advance(10_000);
  search.targets[1]?.request('CANCEL');
  search.caller.response(408);
  t.strictSame(search.reports(), ['OK done']);
  t.end();
});

t.test('a 200 after the proxy has given up: acknowledged and ended, past the part of the route that leads back (RFC 3261 §16.7)', (t) => {
  for (const recordRoute of [false, true]) {
    const search = proxied(t, { final: '10s', recordRoute, headers: 'Record-Route: <sip:before.example;lr>' });
    const invite = search.answer(0, 180);
    search.caller.response(180);
    search.edge.clock.advance(10_000);
    ack(search, search.caller.response(408));
    search.again(0, invite, 200, { body: sdp('late') });
    for (const method of ['ACK', 'BYE']) {
      const sent = search.targets[0]?.request(method);
      t.equal(sent?.uri, uriOf(7_001));
      t.equal(sent?.toTag, 't0');
      t.strictSame(headersOf(sent ?? { headers: [] }, 'route'), []);
    }
    t.strictSame(search.caller.left, []);
  }
  t.end();
});

t.test('timer C ends a target that rings for ever, and begins anew with each provisional (RFC 3261 §16.6 step 11)', (t) => {
  const search = proxied(t);
  const invite = search.answer(0, 180);
  search.caller.response(180);
  search.edge.clock.advance(184_000);
  search.again(0, invite, 183);
  search.caller.response(183);
  search.edge.clock.advance(184_999);
  t.strictSame(search.targets[0]?.left, []);
  search.edge.clock.advance(1);
  search.targets[0]?.request('CANCEL');
  search.caller.response(408);
  t.end();
});

t.test("the caller's CANCEL goes on with its Reason (RFC 3326); unsent targets are not asked any more", (t) => {
  const search = proxied(t, { targets: 2 });
  const invite = search.answer(0, 180);
  search.caller.response(180);
  search.caller.send(search.call.request('CANCEL', { headers: 'Reason: Q.850;cause=16;text="Terminated"' }));
  search.caller.response(200, 'CANCEL');
  search.caller.response(487);
  const cancel = search.targets[0]?.request('CANCEL');
  t.equal(headerOf(cancel ?? { headers: [] }, 'reason'), 'Q.850;cause=16;text="Terminated"');
  search.again(0, invite, 487);
  search.targets[0]?.request('ACK');
  t.strictSame(search.targets[1]?.left, []);
  t.strictSame(search.reports(), ['continue', 'OK done']);
  t.end();
});

t.test("the caller's CANCEL goes on with what else it says, but not with what a hop makes for itself (RFC 3261 §16.10)", (t) => {
  const search = proxied(t);
  search.answer(0, 180);
  search.caller.response(180);
  search.caller.send(search.call.request('CANCEL', { headers: 'X-Cancel: because\r\nRoute: <sip:elsewhere.example;lr>' }));
  const cancel = search.targets[0]?.request('CANCEL') ?? { headers: [] };
  t.equal(headerOf(cancel, 'x-cancel'), 'because');
  t.strictSame(['via', 'contact', 'route', 'max-forwards'].map((key) => headersOf(cancel, key).length), [1, 0, 0, 1]);
  t.end();
});

t.test('a 2xx that is repeated because its ACK was lost goes back under the Via of the caller, each time', (t) => {
  const search = proxied(t);
  const invite = search.answer(0, 200);
  const first = search.caller.response(200);
  search.edge.clock.advance(500);
  search.again(0, invite, 200);
  t.strictSame(headersOf(search.caller.response(200), 'via'), headersOf(first, 'via'));
  t.equal(headersOf(first, 'via').length, 1);
  t.end();
});

t.test('a request that is no INVITE and gets no answer gets none from us either (RFC 4320 §4.2), and what is repeated is swallowed', (t) => {
  for (const final of ['', '1s']) {
    const search = proxied(t, { method: 'MESSAGE', final });
    search.edge.clock.advance(final === '' ? 32_000 : 1_000);
    t.strictSame(search.caller.left, []);
    t.strictSame(search.reports(), ['OK done']);
    search.caller.send(search.call.request('MESSAGE'));
    t.strictSame(search.app.left, []);
    search.edge.clock.advance(64_000);
    t.equal(search.edge.core.stats().transactions, 0);
  }
  const refused = proxied(t, { method: 'MESSAGE' });
  refused.answer(0, 408);
  t.strictSame(refused.caller.left, [], 'nor is a 408 forwarded');
  refused.edge.clock.advance(64_000);
  t.end();
});

t.test('other requests than INVITE are searched the same way', (t) => {
  const search = proxied(t, { method: 'OPTIONS', targets: 2 });
  search.answer(0, 404);
  search.answer(1, 200);
  search.caller.response(200, 'OPTIONS');
  t.strictSame(search.targets.flatMap((target) => target.left), []);
  t.end();
});

t.test('an application that leaves while its request is proxied: the call goes on', (t) => {
  const search = proxied(t, { targets: 2 });
  search.app.leave();
  search.answer(0, 486);
  search.answer(1, 180);
  search.caller.response(180);
  search.edge.clock.advance(5_000);
  search.caller.send(search.call.request('CANCEL'));
  search.caller.response(487);
  t.end();
});

t.test('refused before the search: no hops left, a loop, Proxy-Require; the application is told so', (t) => {
  const own = proxied(t);
  const invite = own.targets[0]?.request('INVITE');
  const back = (invite ? headersOf(invite, 'via') : []).map((via) => `Via: ${via}`).join('\r\n');
  const digest = /;branch=(\S+)/u.exec(back)?.[1] ?? '';
  for (const [change, status, text] of [
    [(raw: string) => raw.replace('Max-Forwards: 70', 'Max-Forwards: 0'), 483, 'Rejected with 483 Too Many Hops due to Max-Forwards value of 0'],
    [(raw: string) => raw.replace('\r\n', '\r\nProxy-Require: foo\r\n'), 420, 'Rejected with 420 Bad Extension due to Proxy-Require'],
    [(raw: string) => raw.replace('Max-Forwards', `Via: SIP/2.0/UDP 127.0.0.1:5060;branch=${digest}\r\nMax-Forwards`), 482, 'Rejected with 482 Loop Detected'],
  ] as const) {
    own.caller.send(change(own.call.request('INVITE', { branch: `z9hG4bK${status}` })));
    own.app.send(`r${status}|proxy|${own.app.told('INVITE').transactionId}||fullResponse||serial|||${uriOf(7_001)}\r\n`);
    own.caller.response(status);
    t.strictSame(own.app.answers(`r${status}`), [['NOK', text]]);
  }
  t.end();
});

t.test('Record-Route names both transports when they differ, Path for REGISTER (RFC 5658, RFC 3327)', (t) => {
  const search = proxied(t, { method: 'REGISTER', recordRoute: true, targets: 1 });
  const register = search.targets[0]?.request('REGISTER') ?? { headers: [] };
  t.strictSame(headersOf(register, 'path'), ['<sip:127.0.0.1:5060;lr>']);
  t.strictSame(headersOf(register, 'record-route'), []);
  t.equal(headerOf(register, 'require'), 'path');

  const edge = openStandingEdge(t);
  const [app, caller, target] = [edge.app('invite'), edge.peer(7_000), edge.peer(7_001, { protocol: 'tcp' })];
  caller.send(rawCall(7_000, 'sip:x@127.0.0.1:5060').request('INVITE'));
  app.send(`p|proxy|${app.told('INVITE').transactionId}|remainInDialog|fullResponse||serial|||${uriOf(7_001)};transport=tcp\r\n`);
  t.strictSame(headersOf(target.request('INVITE'), 'record-route'), ['<sip:127.0.0.1:5060;transport=tcp;lr>', '<sip:127.0.0.1:5060;lr>']);
  t.end();
});

t.test('a caller that repeats its INVITE gets the last response again, and a target its ACK on the branch of its INVITE', (t) => {
  const search = proxied(t);
  const invite = search.answer(0, 180);
  search.caller.response(180);
  search.caller.send(search.call.request('INVITE'));
  search.caller.response(180);
  search.again(0, invite, 486);
  const acked = search.targets[0]?.request('ACK');
  t.equal(acked?.via.branch, invite.via.branch);
  t.equal(acked?.uri, invite.uri);
  search.again(0, invite, 486);
  search.targets[0]?.request('ACK');
  search.caller.response(486);
  t.strictSame(search.caller.left, []);
  t.end();
});
