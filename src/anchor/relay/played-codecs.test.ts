import t from 'tap';
import { readSdp, type SdpMedia } from '../../sip/index.js';
import { playedCodecs, type PlayedCodecs } from './played-codecs.js';

const mediaOf = (...lines: string[]): SdpMedia => {
  const sdp = readSdp(['v=0', 'c=IN IP4 127.0.0.1', 't=0 0', ...lines, ''].join('\r\n'));
  if (typeof sdp === 'string') throw new Error(sdp);
  return sdp.media[0]!;
};
const plain = mediaOf('m=audio 4000 RTP/AVP 0');
const crypto = `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 1).toString('base64')}`;

t.test('payload types are those that the receiver asks for, and its first choice is ours (RFC 3264 §5.1)', (t) => {
  const sender = mediaOf('m=audio 4000 RTP/AVP 0 8 9 18 97 100 13', 'a=rtpmap:97 OPUS/48000/2', 'a=rtpmap:100 telephone-event/8000');
  const receiver = mediaOf('m=audio 4000 RTP/AVP 18 111 9 8 101 13 3', 'a=rtpmap:111 opus/48000/2', 'a=rtpmap:101 telephone-event/8000');
  const { playable, foreign, events, own, wanted } = playedCodecs(sender, receiver) as PlayedCodecs;
  t.strictSame([...playable].map(([payloadType, { name }]) => [payloadType, name]), [[111, 'opus'], [9, 'G722'], [8, 'PCMA']]);
  t.strictSame([[...foreign], [...events]], [[18], [101]], 'GSM is not the sender’s');
  t.match(own, { payloadType: 111, codec: { name: 'opus' } });
  t.ok(wanted);
  t.end();
});

t.test('nothing is played where keys are the parties’, no codec is ours, or there is no audio', (t) => {
  const secured = mediaOf('m=audio 4000 RTP/SAVP 0', crypto);
  const rows: [string, SdpMedia | undefined, SdpMedia | undefined, string][] = [
    ['SRTP', secured, secured, 'encrypted'],
    ['one side says so', plain, secured, 'encrypted'],
    ['DTLS-SRTP', mediaOf('m=audio 4000 UDP/TLS/RTP/SAVPF 0'), mediaOf('m=audio 4000 UDP/TLS/RTP/SAVPF 0'), 'encrypted'],
    ['keys of both in an SDP of plain RTP', mediaOf('m=audio 4000 RTP/AVP 0', crypto), mediaOf('m=audio 4000 RTP/AVP 0', crypto), 'encrypted'],
    ['G.729 alone', mediaOf('m=audio 4000 RTP/AVP 18'), mediaOf('m=audio 4000 RTP/AVP 18'), 'codec'],
    ['nothing in common', plain, mediaOf('m=audio 4000 RTP/AVP 8'), 'no-audio'],
    ['no media', undefined, plain, 'no-audio'],
    ['no media of the receiver', plain, undefined, 'no-audio'],
  ];
  for (const [what, sender, receiver, why] of rows) t.equal(playedCodecs(sender, receiver), why, what);
  t.type(playedCodecs(mediaOf('m=audio 4000 RTP/AVP 0', crypto), plain), 'object', 'keys that were not taken');
  t.end();
});

t.test('on hold the receiver wants to hear nothing', (t) => {
  for (const [direction, wanted] of [['sendrecv', true], ['recvonly', true], ['sendonly', false], ['inactive', false]] as const) {
    t.match(playedCodecs(plain, mediaOf('m=audio 4000 RTP/AVP 0', `a=${direction}`)), { wanted }, direction);
  }
  t.end();
});
