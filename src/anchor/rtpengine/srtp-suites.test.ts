/** Our SRTP against somebody else's: a real rtpengine opens what we protect, and we open what it protects, in every suite. */
import t from 'tap';
import { encodeCryptoLine, encodeRtcp, keySaltBytes, parseCryptoLine, parseRtcp, SrtpReceiver, SrtpSender, srtpSuites, type CryptoLine, type SrtpSuite } from '../../media/index.js';
import { freePort } from '../../udp/free-port.fixture.js';
import { audioOf, mediaPeer, rtp, sdpOf } from '../media-peer.fixture.js';
import { rtpengineIsInstalled, startDaemon } from './daemon.fixture.js';
import { openNgClient } from './ng-client.js';

const required = process.env['TWINTRACK_REQUIRE_PEERS'] === '1';
const skip = rtpengineIsInstalled() || required ? false : 'rtpengine is not installed (Debian: rtpengine-daemon)';
const firstPort = 22_000 + (process.pid % 60) * 100;
/** rtpengine 10.5 dies of the first packet without a cipher. */
const suites = srtpSuites.filter((suite) => !suite.startsWith('NULL'));
/** Across the end of the sequence numbers: the roll-over counter goes up (RFC 3711 §3.3.1). */
const numbers = Array.from({ length: 20 }, (_, n) => (65_526 + n) % 65_536);

const keyOf = (suite: SrtpSuite): CryptoLine => ({ tag: 1, suite, keySalt: Buffer.from(Array.from({ length: keySaltBytes(suite) }, (_, n) => (n * 37 + 11) % 256)), sessionParameters: [] });

t.test('rtpengine', { skip }, async (t) => {
  const daemon = await startDaemon(t, await freePort(), [firstPort, firstPort + 99]);
  const client = await openNgClient({ host: '127.0.0.1', port: daemon.port }, 2_000);
  t.teardown(() => client.close());
  for (const [suite, parameters] of [...suites.map((suite) => [suite, []] as const), ['AES_CM_128_HMAC_SHA1_80', ['UNENCRYPTED_SRTP']], ['AES_CM_128_HMAC_SHA1_80', ['UNAUTHENTICATED_SRTP']]] as const) {
    await t.test([suite, ...parameters].join(' '), async (t) => {
      const [caller, callee] = [await mediaPeer(t), await mediaPeer(t)];
      const key: CryptoLine = { ...keyOf(suite), sessionParameters: parameters.slice() };
      const call = { 'call-id': `${suite} ${parameters.join(' ')}`, 'from-tag': 'a', 'replace': ['origin'], 'ICE': 'remove', 'rtcp-mux': ['accept'] };
      const offer = sdpOf(caller.port, { more: [`a=crypto:${encodeCryptoLine(key)}`, 'a=rtcp-mux'] }).replace('RTP/AVP', 'RTP/SAVP');
      const offered = await client.ask({ ...call, 'command': 'offer', 'sdp': offer, 'transport-protocol': 'RTP/AVP' });
      const answered = await client.ask({ ...call, 'command': 'answer', 'to-tag': 'b', 'sdp': sdpOf(callee.port) });
      const [forCallee, forCaller] = [audioOf(offered.sdp ?? ''), audioOf(answered.sdp ?? '')];
      t.equal(forCallee.protocol, 'RTP/AVP');
      const theirs = parseCryptoLine(forCaller.crypto[0] ?? '');
      if (typeof theirs === 'string') throw new Error(`${theirs}: ${forCaller.protocol} ${forCaller.crypto[0] ?? 'no key'}`);
      t.equal(theirs.suite, suite);

      const [sender, receiver] = [new SrtpSender(key), new SrtpReceiver(theirs)];
      for (const [at, number] of numbers.entries()) {
        caller.send(sender.protectRtp(rtp(number)), forCaller.port);
        await callee.heard(at + 1);
        callee.send(rtp(number, 9), forCallee.port);
        await caller.heard(at + 1);
      }
      t.strictSame(callee.came.map(({ bytes }) => bytes), numbers.map((number) => rtp(number)), 'it opens ours');
      t.strictSame(caller.came.map(({ bytes }) => receiver.unprotectRtp(bytes)), numbers.map((number) => rtp(number, 9)), 'we open its');
      t.notOk(caller.came.some(({ bytes }) => receiver.unprotectRtp(bytes) !== 'replayed'), 'once');

      const report = encodeRtcp([{ type: 'RR', ssrc: 9, reports: [], profileExtension: Buffer.alloc(0) }]);
      callee.send(report, forCallee.rtcpPort);
      await caller.heard(numbers.length + 1);
      const opened = receiver.unprotectRtcp(caller.came.at(-1)?.bytes ?? Buffer.alloc(0));
      t.match(typeof opened === 'string' ? opened : parseRtcp(opened), [{ type: 'RR', ssrc: 9 }], 'RTCP too');
      await client.ask({ 'command': 'delete', 'call-id': call['call-id'] });
    });
  }
});
