import { readFileSync } from 'node:fs';
import t from 'tap';
import { encodeCryptoLine, keySaltBytes, parseCryptoLine, SrtpSender, srtpSuites, type SrtpSuite } from '../media/index.js';
import { ann, annSays, bob, bobSays, ingested, isPlainCall, plainPackets, sdpOf, signalCall, Wire } from './conversation.fixture.js';
import { parseKeysFile, type GivenKey } from './keys-file.js';
import { parseRtpRule, type RtpRule } from './rtp-rules.js';

/** A line of its own for each seed. */
const lineOf = (suite: SrtpSuite, seed: number, tag = 1): string => encodeCryptoLine({ tag, suite, keySalt: Buffer.alloc(keySaltBytes(suite), seed), sessionParameters: [] });

function senderOf(line: string): SrtpSender {
  const parsed = parseCryptoLine(line);
  if (typeof parsed === 'string') throw new Error(parsed);
  return new SrtpSender(parsed);
}

const protectWith = (line: string): ((packet: Buffer) => Buffer) => {
  const sender = senderOf(line);
  return (packet) => sender.protectRtp(packet);
};

/** Ann and Bob, each under a key of its own. */
const speakSecretly = (wire: Wire, annLine: string, bobLine: string): Wire =>
  wire.says(annSays, 600, ann, bob, [0, plainPackets], protectWith(annLine)).says(bobSays, 610, bob, ann, [0, plainPackets], protectWith(bobLine));

const savp = (lines: readonly string[]) => ({ protocol: 'RTP/SAVP', lines: lines.map((line) => `a=crypto:${line}`) });

t.test('every suite: each side is opened with its own key, every packet authenticated', async (t) => {
  for (const suite of srtpSuites) {
    await t.test(suite, async (t) => {
      const [annLine, bobLine] = [lineOf(suite, 1), lineOf(suite, 2)];
      const wire = signalCall(new Wire(), { annSdp: sdpOf(ann, savp([annLine])), bobSdp: sdpOf(bob, savp([bobLine])) });
      const done = await ingested(t.testdir(), [speakSecretly(wire, annLine, bobLine).pcap()]);
      await isPlainCall(t, done);
      t.match(done.calls[0]?.channels, [{ encrypted: true, authFailures: 0 }, { encrypted: true, authFailures: 0 }]);
    });
  }
});

t.test('of several keys that are offered the one is taken whose tag is answered', async (t) => {
  const offered = [lineOf('AES_CM_128_HMAC_SHA1_80', 1, 1), lineOf('AES_256_CM_HMAC_SHA1_80', 3, 2), lineOf('AEAD_AES_128_GCM', 4, 3)];
  const bobLine = lineOf('AES_256_CM_HMAC_SHA1_80', 2, 2);
  const wire = signalCall(new Wire(), { annSdp: sdpOf(ann, savp(offered)), bobSdp: sdpOf(bob, savp([bobLine])) });
  await isPlainCall(t, await ingested(t.testdir(), [speakSecretly(wire, offered[1] ?? '', bobLine).pcap()]));
});

t.test('keys on lines of plain RTP are meant where both sides have one', async (t) => {
  const [annLine, bobLine] = [lineOf('AES_CM_128_HMAC_SHA1_80', 1), lineOf('AES_CM_128_HMAC_SHA1_80', 2)];
  const plainRtp = (line: string) => ({ lines: [`a=crypto:${line}`] });
  const wire = signalCall(new Wire(), { annSdp: sdpOf(ann, plainRtp(annLine)), bobSdp: sdpOf(bob, plainRtp(bobLine)) });
  await isPlainCall(t, await ingested(t.testdir(), [speakSecretly(wire, annLine, bobLine).pcap()]));
});

t.test('without a key SRTP stays silence, and the report says why', async (t) => {
  const [annLine, bobLine] = [lineOf('AES_CM_128_HMAC_SHA1_80', 1), lineOf('AES_CM_128_HMAC_SHA1_80', 2)];
  const wire = signalCall(new Wire(), { annSdp: sdpOf(ann, savp([annLine])), bobSdp: sdpOf(bob, savp([])) });
  const { calls, heard } = await ingested(t.testdir(), [speakSecretly(wire, annLine, bobLine).pcap()]);
  t.match(calls, [{ state: 'partial', reason: '100 packets of the callee are encrypted and no key is known' }]);
  t.ok((await heard(0))[1]?.every((sample) => sample === 0));
});

const keysOf = (text: string): readonly GivenKey[] => {
  const parsed = parseKeysFile(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed.keys;
};
const rule = (text: string): RtpRule => {
  const parsed = parseRtpRule(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
};

t.test('a key that is given is found by place, source, Call-ID, session and side, or is tried', async (t) => {
  const suite = 'AES_CM_128_HMAC_SHA1_80';
  const [annLine, bobLine] = [lineOf(suite, 1), lineOf(suite, 2)];
  const id = '0123456789abcdef0123456789abcdef';
  const [annKey, bobKey] = [annLine.slice(2), bobLine.slice(2)];
  const files = {
    places: `10.0.0.1:4000 ${annKey}\n10.0.0.2:6000 ${bobKey}`,
    sources: `ssrc:0x1 ${annKey}\nssrc:00000002 ${bobKey}`,
    'Call-ID and side': `call:call-1 caller ${annKey}\ncallee call:call-1 ${bobKey}`,
    session: `session:${id} ${annKey}\nsession:${id} a=crypto:${bobLine}`,
    nothing: `# of a test\n\n${annLine}\n${bobLine}\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    await t.test(name, async (t) => {
      const wire = signalCall(new Wire(), { annSdp: sdpOf(ann, savp([])), bobSdp: sdpOf(bob, savp([])), headers: [`Session-ID: ${id};remote=00000000000000000000000000000000`] });
      const done = await ingested(t.testdir(), [speakSecretly(wire, annLine, bobLine).pcap()], { keys: keysOf(text) });
      await isPlainCall(t, done);
      t.equal(done.calls[0]?.sessionId, id);
    });
  }
});

t.test('the keys of another call open nothing', async (t) => {
  const [annLine, bobLine] = [lineOf('AES_CM_128_HMAC_SHA1_80', 1), lineOf('AES_CM_128_HMAC_SHA1_80', 2)];
  const wire = signalCall(new Wire(), { annSdp: sdpOf(ann, savp([])), bobSdp: sdpOf(bob, savp([])) });
  const keys = keysOf(`call:another ${annLine}\n10.0.0.9:4000 ${annLine}\nssrc:99 ${bobLine}\ncallee ${annLine}`);
  const { calls } = await ingested(t.testdir(), [speakSecretly(wire, annLine, bobLine).pcap()], { keys });
  t.match(calls, [{ state: 'lost', channels: [{ authFailures: 0 }, { authFailures: 100 }], reason: /^100 packets of the caller are encrypted and no key is known; 100 packets of the callee could not be decrypted$/ }]);
});

t.test('RTP that no SIP describes is a call where --rtp says what it is', async (t) => {
  const wire = (): Wire => new Wire().says(annSays, 600, ann, bob, [0, plainPackets]).says(bobSays, 610, bob, ann, [0, plainPackets]);
  const unknown = await ingested(t.testdir(), [wire().pcap()]);
  t.strictSame(unknown.calls, []);
  t.match(unknown.summary.unclaimed, [{ from: ann, to: bob, ssrc: '0x00000001', payloadType: 0, packets: 100 }, { from: bob, to: ann, ssrc: '0x00000002' }]);
  const known = await ingested(t.testdir(), [wire().pcap()], { rules: [rule(`${ann}=PCMU`)] });
  await isPlainCall(t, known);
  t.match(known.calls, [{ channels: [{ party: `sip:${ann}` }, { party: `sip:${bob}` }], calls: [] }]);
  t.strictSame(known.summary.unclaimed, []);
  const swapped = await ingested(t.testdir(), [wire().pcap()], { rules: [rule(`${ann}=PCMU,callee`)] });
  t.match(swapped.calls, [{ channels: [{ party: `sip:${bob}` }, { party: `sip:${ann}` }] }]);
});

t.test('SRTP that no SIP describes is a call where --keys names it; its codec follows from its payload type', async (t) => {
  const [annLine, bobLine] = [lineOf('AEAD_AES_256_GCM', 1), lineOf('AEAD_AES_256_GCM', 2)];
  const wire = speakSecretly(new Wire(), annLine, bobLine);
  await isPlainCall(t, await ingested(t.testdir(), [wire.pcap()], { keys: keysOf(`${ann} ${annLine}\n${bob} ${bobLine}`) }));
  await isPlainCall(t, await ingested(t.testdir(), [wire.pcap()], { keys: keysOf(`ssrc:1 ${annLine}\nssrc:2 ${bobLine}`) }));
  const one = await ingested(t.testdir(), [wire.pcap()], { keys: keysOf(`callee ${ann} ${annLine}`) });
  t.match(one.calls, [{ channels: [{ party: `sip:${bob}`, packetsReceived: 100 }, { party: `sip:${ann}`, packetsReceived: 100, authFailures: 0, encrypted: true }] }]);
});

t.test('two files of a real call in G.722 under SRTP: both sides, every packet authenticated', async (t) => {
  const fixtures = new URL('../../../src/ingest/fixtures/', import.meta.url);
  const files = ['g722-srtp-alice.pcap', 'g722-srtp-bob.pcap'].map((name) => readFileSync(new URL(name, fixtures)));
  const keys = keysOf(readFileSync(new URL('g722-srtp.keys', fixtures), 'utf8'));
  const { calls, summary } = await ingested(t.testdir(), files, { keys });
  t.strictSame(summary.lost, {});
  t.match(calls, [{ startedAt: /^2016-08-13T00:10:55\.4/, captures: [{ recorder: 'capture-0.pcap' }, { recorder: 'capture-1.pcap' }] }]);
  const side = { codec: 'G722', encrypted: true, packetsLost: 0, duplicates: 0, authFailures: 0 };
  t.match(calls[0]?.channels, [{ ...side, packetsReceived: 1_168, party: 'sip:192.168.1.62:2230' }, { ...side, packetsReceived: 1_172, party: 'sip:192.168.1.69:44724' }]);
});
