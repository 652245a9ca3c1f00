/** Requests of a dialog that run through a proxy without state: routes, loops, hops (RFC 3261 §16.3, §16.4, §16.11, §16.12). */
import t, { type Test } from 'tap';
import { headerOf, headersOf, type SipRequest } from './message/sip-message.js';
import { rawResponse } from './raw-peer.fixture.js';
import { answeredCall } from './standing-call.fixture.js';
import { openStandingEdge, type StandingOptions } from './standing-edge.fixture.js';

interface Running {
  readonly uri: string;
  readonly routes: readonly string[];
  readonly method?: string;
  readonly branch?: string;
  readonly headers?: readonly string[];
  readonly hops?: number;
  readonly transport?: string;
  readonly port?: number;
}

const request = ({ uri, routes, method = 'BYE', branch = 'z9hG4bKrun', headers = [], hops = 70, transport = 'UDP', port = 7_000 }: Running): string =>
  [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/${transport} 127.0.0.1:${port};rport;branch=${branch}`,
    ...headers,
    ...routes.map((route) => `Route: ${route}`),
    `Max-Forwards: ${hops}`,
    'From: <sip:a@example.com>;tag=a',
    'To: <sip:b@example.com>;tag=b',
    'Call-ID: running',
    `CSeq: 2 ${method}`,
    'Content-Length: 0', '', '',
  ].join('\r\n');

const OWN = '<sip:127.0.0.1:5060;lr>';

function stage(t: Test, options: StandingOptions = {}) {
  const edge = openStandingEdge(t, options);
  return { edge, near: edge.peer(7_000), far: edge.peer(7_001), next: edge.peer(7_002) };
}

const shapeOf = (message: SipRequest) => ({ uri: message.uri, routes: headersOf(message, 'route') });

t.test('our Route is taken off; the rest is followed, then the Request-URI (RFC 3261 §16.12.1.1)', (t) => {
  const { near, far, next } = stage(t);
  near.send(request({ uri: 'sip:b@127.0.0.1:7001', routes: [OWN] }));
  t.strictSame(shapeOf(far.request('BYE')), { uri: 'sip:b@127.0.0.1:7001', routes: [] });
  near.send(request({ uri: 'sip:b@192.0.2.9', branch: 'z9hG4bK2', routes: [OWN, '<sip:127.0.0.1:7002;lr>', '<sip:more;lr>'] }));
  t.strictSame(shapeOf(next.request('BYE')), { uri: 'sip:b@192.0.2.9', routes: ['<sip:127.0.0.1:7002;lr>', '<sip:more;lr>'] });
  t.end();
});

t.test('to a strict router the Request-URI becomes its address and the target the last Route (RFC 3261 §16.12.1.2)', (t) => {
  const { near, next } = stage(t);
  near.send(request({ uri: 'sip:b@192.0.2.9', routes: [OWN, '<sip:127.0.0.1:7002>', '<sip:more;lr>'] }));
  t.strictSame(shapeOf(next.request('BYE')), { uri: 'sip:127.0.0.1:7002', routes: ['<sip:more;lr>', '<sip:b@192.0.2.9>'] });
  t.end();
});

t.test('from a strict router, which has put us into the Request-URI, the target is taken back from the last Route (RFC 3261 §16.4, §16.12.1.2)', (t) => {
  const { near, far, next } = stage(t);
  near.send(request({ uri: 'sip:127.0.0.1:5060;lr', routes: ['<sip:127.0.0.1:7002;lr>', '<sip:b@192.0.2.9>'] }));
  t.strictSame(shapeOf(next.request('BYE')), { uri: 'sip:b@192.0.2.9', routes: ['<sip:127.0.0.1:7002;lr>'] });
  near.send(request({ uri: 'sip:127.0.0.1:5060;lr', branch: 'z9hG4bK2', routes: ['<sip:b@127.0.0.1:7001>'] }));
  t.strictSame(shapeOf(far.request('BYE')), { uri: 'sip:b@127.0.0.1:7001', routes: [] });
  t.end();
});

t.test('both of our own Routes are taken off after a change of transport, and each of our addresses names us (RFC 5658; RFC 3261 §16.12.1.3)', (t) => {
  const { near, far } = stage(t, {
    listen: [
      { protocol: 'udp', address: '127.0.0.1', port: 5_060 }, { protocol: 'tcp', address: '127.0.0.1', port: 5_060 },
      { protocol: 'udp', address: '127.0.0.2', port: 5_070 }, { protocol: 'tcp', address: '127.0.0.3', port: 5_080 },
    ],
  });
  const own = [OWN, '<sip:127.0.0.1:5060;transport=tcp;lr>', '<sip:127.0.0.1;lr>', '<sip:127.0.0.2:5070;lr>', '<sip:127.0.0.3:5080;transport=tcp;lr>', '<sip:localhost;lr>'];
  for (const [i, route] of own.entries()) {
    near.send(request({ uri: 'sip:b@127.0.0.1:7001', branch: `z9hG4bKo${i}`, routes: [route] }));
    t.strictSame(shapeOf(far.request('BYE')).routes, [], route);
  }
  near.send(request({ uri: 'sip:b@127.0.0.1:7001', branch: 'z9hG4bKall', routes: own }));
  t.strictSame(shapeOf(far.request('BYE')).routes, []);
  t.end();
});

t.test('a change of transport on the way there and back', (t) => {
  const { edge, near } = stage(t);
  const far = edge.peer(7_001, { protocol: 'tcp' });
  near.send(request({ uri: 'sip:b@127.0.0.1:7001;transport=tcp', routes: [OWN] }));
  const bye = far.request('BYE');
  t.equal(bye.via.transport, 'TCP');
  far.send(rawResponse(bye, 200, 'OK'));
  t.equal(headersOf(near.response(200), 'via').length, 1);
  t.end();
});

t.test('a repeated request gets the same branch, so that only its end takes notice; a CANCEL that of its INVITE', (t) => {
  const { near, far } = stage(t);
  const send = (method: string): SipRequest => {
    near.send(request({ uri: 'sip:b@127.0.0.1:7001', routes: [OWN], method }));
    return far.request(method);
  };
  const branches = ['INVITE', 'INVITE', 'CANCEL', 'ACK'].map((method) => send(method).via.branch);
  t.equal(new Set(branches).size, 1);
  t.end();
});

t.test('a response that nobody waits for goes back by its Via; one to a branch of somebody else is dropped', (t) => {
  const { near, far } = stage(t);
  near.send(request({ uri: 'sip:b@127.0.0.1:7001', routes: [OWN] }));
  const bye = far.request('BYE');
  far.send(rawResponse(bye, 200, 'OK').replace(bye.via.branch, 'z9hG4bKelse'));
  t.strictSame(near.left, []);
  far.send(rawResponse(bye, 200, 'OK'));
  near.response(200);
  t.end();
});

t.test('no hops left: 483, but nothing for an ACK (RFC 3261 §16.3 step 3)', (t) => {
  const { near, far } = stage(t);
  near.send(request({ uri: 'sip:b@127.0.0.1:7001', routes: [OWN], hops: 0 }));
  near.response(483);
  near.send(request({ uri: 'sip:b@127.0.0.1:7001', routes: [OWN], hops: 0, method: 'ACK' }));
  t.strictSame([...near.left, ...far.left], []);
  near.send(request({ uri: 'sip:b@127.0.0.1:7001', branch: 'z9hG4bK1', routes: [OWN], hops: 1 }));
  t.equal(headerOf(far.request('BYE'), 'max-forwards'), '0');
  t.end();
});

t.test('Proxy-Require asks for what this proxy has not: 420 names it (RFC 3261 §16.3 step 5)', (t) => {
  const { near, far } = stage(t);
  near.send(request({ uri: 'sip:b@127.0.0.1:7001', routes: [OWN], headers: ['Proxy-Require: foo, bar', 'Proxy-Require: sec-agree'] }));
  t.equal(headerOf(near.response(420), 'unsupported'), 'foo, bar, sec-agree');
  t.strictSame(far.left, []);
  t.end();
});

/** What a proxy beyond us makes of a request that it sends back to us. */
const sentBack = (message: SipRequest, options: Partial<Running>): string =>
  request({
    uri: message.uri, routes: [OWN], method: message.method, branch: `z9hG4bKback${headersOf(message, 'via').length}`, port: 7_001,
    headers: headersOf(message, 'via').map((via) => `Via: ${via}`), ...options,
  });

t.test('what comes back unchanged once too often is a loop, 482; with another target it is a spiral (RFC 3261 §16.3 step 4, RFC 5393 §4.2)', (t) => {
  const { near, far } = stage(t);
  near.send(request({ uri: 'sip:b@127.0.0.1:7001', routes: [OWN] }));
  const first = far.request('BYE');
  far.send(sentBack(first, {}));
  const second = far.request('BYE');
  t.equal(headersOf(second, 'via').length, 4, 'the first time it came from elsewhere');
  far.send(sentBack(second, {}));
  far.response(482);
  far.send(sentBack(second, { uri: 'sip:c@127.0.0.1:7001' }));
  far.request('BYE');
  t.end();
});

t.test('a Via that only looks like ours is no loop', (t) => {
  const { near, far } = stage(t);
  near.send(request({ uri: 'sip:b@127.0.0.1:7001', routes: [OWN], headers: ['Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKpfoo.bar.baz'] }));
  far.request('BYE');
  t.end();
});

t.test('a Route to us in a dialog of our own leads to the application', (t) => {
  const edge = openStandingEdge(t);
  const staged = { edge, peer: edge.peer(7_000), app: edge.app('invite') };
  const call = answeredCall(staged);
  call.peer.send(call.say('INFO', { headers: `Route: ${OWN}` }));
  call.app.told('INFO');
  t.end();
});

t.test('what leads through us to ourselves is of a dialog that is gone: 481', (t) => {
  const { near } = stage(t);
  near.send(request({ uri: 'sip:b@127.0.0.1:5060', routes: [OWN] }));
  near.response(481);
  t.end();
});
