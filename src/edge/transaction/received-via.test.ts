import t from 'tap';
import { headerOf, headersOf, type SipRequest } from '../message/sip-message.js';
import { parseMessage } from '../message/parse-message.js';
import type { Path, Protocol } from '../transport/path.js';
import { replyPort, stampVia } from './received-via.js';

const path = (protocol: Protocol = 'udp'): Path =>
  ({ protocol, address: '192.0.2.1', port: 40_000, local: { address: '192.0.2.9', port: 5060 }, open: true, send: () => undefined });

function request(via: string): SipRequest {
  const message = parseMessage(
    `OPTIONS sip:x SIP/2.0\r\nVia: ${via}\r\nVia: SIP/2.0/UDP below;received=203.0.113.1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n`,
  );
  if (typeof message === 'string' || message.kind !== 'request') throw new Error('no request');
  return message;
}

t.test('rport and received are filled in with where it came from, and nothing a sender put there is believed (RFC 3581 §4)', (t) => {
  const table: [string, string][] = [
    ['SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1', 'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1'],
    ['SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1', 'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport=40000;received=192.0.2.1'],
    ['SIP/2.0/UDP 192.0.2.1:5060;rport=9;branch=z9hG4bK1;received=203.0.113.1', 'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport=40000;received=192.0.2.1'],
    ['SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1', 'SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=192.0.2.1'],
    ['SIP/2.0/UDP host.test;Received=203.0.113.1;branch=z9hG4bK1', 'SIP/2.0/UDP host.test;branch=z9hG4bK1;received=192.0.2.1'],
    ['SIP/2.0/UDP 192.0.2.1;received=203.0.113.1;branch=z9hG4bK1', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1'],
  ];
  for (const [came, stamped] of table) {
    const after = stampVia(request(came), path());
    t.equal(headerOf(after, 'via'), stamped, came);
    t.equal(headersOf(after, 'via')[1], 'SIP/2.0/UDP below;received=203.0.113.1', 'those below are of others');
  }
  t.end();
});

t.test('over UDP the answer goes to the source port when rport was asked for, else to the port of the Via (RFC 3261 §18.2.2)', (t) => {
  t.equal(replyPort(request('SIP/2.0/UDP h:5070;rport;branch=z9hG4bK1'), path()), 40_000);
  t.equal(replyPort(request('SIP/2.0/UDP h:5070;branch=z9hG4bK1'), path()), 5_070);
  t.equal(replyPort(request('SIP/2.0/UDP h;branch=z9hG4bK1'), path()), 5_060);
  for (const protocol of ['tcp', 'tls'] as const) t.equal(replyPort(request('SIP/2.0/TCP h:5070;branch=z9hG4bK1'), path(protocol)), 40_000);
  t.end();
});
