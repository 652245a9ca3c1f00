import t from 'tap';
import { replaceSdp, sdpIn } from './session-body.js';

const sdp = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n';
const mixed = 'multipart/mixed;boundary="b 1"';
const parts = (inner: string): string => `--b 1\r\nContent-Type: application/ISUP\r\n\r\n\x01\xff\r\n--b 1\r\nContent-Type: application/sdp\r\n\r\n${inner}\r\n--b 1--\r\n`;

t.test('the SDP is the whole body or the part that says so', (t) => {
  t.equal(sdpIn('application/sdp', sdp), sdp);
  t.equal(sdpIn(undefined, sdp), sdp, 'an SDP without a type is known by its first line');
  t.equal(sdpIn(mixed, parts(sdp)), sdp);
  for (const [type, body] of [['application/isup', '\x01'], [undefined, ''], ['multipart/mixed', 'nothing of the kind'], ['text/plain', sdp]] as const) t.equal(sdpIn(type, body), '');
  t.end();
});

t.test('another SDP takes its place, and every other byte stays', (t) => {
  t.equal(replaceSdp('application/sdp', sdp, 'v=0\r\nother'), 'v=0\r\nother');
  t.equal(replaceSdp(mixed, parts(sdp), 'v=0\r\n$& other'), parts('v=0\r\n$& other'));
  t.equal(replaceSdp('application/isup', '\x01\xff', 'v=0'), '\x01\xff');
  t.end();
});
