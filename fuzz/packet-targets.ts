/**
 * Files of packets, from the first byte to the calls that are in them; what people give beside them.
 */
import assert from 'node:assert/strict';
import { BareCalls } from '../src/ingest/bare-calls.js';
import { Calls } from '../src/ingest/calls.js';
import { plainCall, request, sdpOf, signalCall, Wire } from '../src/ingest/conversation.fixture.js';
import { Dissector } from '../src/ingest/dissector.js';
import { Addresses } from '../src/ingest/endpoints.js';
import { Flows } from '../src/ingest/flows.js';
import { FrameReader } from '../src/ingest/frames.js';
import { KeyRing } from '../src/ingest/key-ring.js';
import { parseKeysFile } from '../src/ingest/keys-file.js';
import { Losses } from '../src/ingest/losses.js';
import { MediaRegistry } from '../src/ingest/media-registry.js';
import { parseRtpRule } from '../src/ingest/rtp-rules.js';
import { beginsSip, readSip } from '../src/ingest/sip-message.js';
import type { Spools } from '../src/ingest/spool.js';
import { TcpStreams } from '../src/ingest/tcp-streams.js';
import { pcapFile, pcapngFile, tcp, tcpFlags } from '../src/ingest/wire.fixture.js';
import { parseCryptoLine } from '../src/media/index.js';
import type { Target } from './target.js';

/** Takes packets and writes nothing. */
const nowhere = { open: async () => Promise.resolve({ describe: async () => Promise.resolve(), packet: () => undefined }) } as unknown as Spools;

/** All that ingest does with bytes, but for writing them down. */
async function watch(input: Buffer, pieceBytes: number): Promise<{ frames: number; damage: string | undefined; legs: number }> {
  const reader = new FrameReader();
  const [addresses, losses] = [new Addresses(), new Losses()];
  const registry = new MediaRegistry(addresses);
  const ring = new KeyRing([], addresses);
  const calls = new Calls(registry, nowhere);
  const flows = new Flows(registry, new BareCalls([], ring, addresses, nowhere), ring, losses);
  const streams = new TcpStreams(losses);
  const hear = (text: string, atMs: number, source: number, target: number): Promise<void> | undefined => {
    const message = readSip(text, atMs, source, target);
    return message === undefined || message === 'malformed' ? undefined : calls.receive(message);
  };
  const dissector = new Dissector(addresses, losses, {
    udp: (atMs, source, target, bytes, start, end) => {
      assert.ok(start <= end && end <= bytes.length);
      if (start < end && bytes.readUInt8(start) >> 6 === 2) return flows.take(atMs, source, target, bytes, start, end);
      return beginsSip(bytes, start, end) ? hear(bytes.toString('latin1', start, end), atMs, source, target) : undefined;
    },
    tcp: async (atMs, segment) => {
      for (const text of streams.take(atMs, segment)) await hear(text, atMs, segment.source, segment.target);
    },
  });
  let frames = 0;
  for (let at = 0; at < input.length; at += pieceBytes) {
    reader.push(input.subarray(at, at + pieceBytes));
    while (reader.next()) {
      const { bytes, start, end } = reader.frame;
      assert.ok(start <= end && end <= bytes.length, 'a frame lies within what was read');
      frames += 1;
      const taking = dissector.frame(reader.frame);
      if (taking !== undefined) await taking;
    }
  }
  dissector.finish();
  calls.takeOver(Number.MAX_SAFE_INTEGER / 2);
  const legs = calls.takeAll().reduce((sum, session) => sum + session.legs.length, 0);
  flows.unclaimed();
  assert.equal(calls.liveSessions, 0);
  assert.deepEqual(flows.held, { flows: 0, keptBytes: 0 }, 'nothing is kept');
  return { frames, damage: reader.damage, legs };
}

const few = (wire: Wire): Wire => {
  wire.frames.splice(40);
  return wire;
};
const overTcp = new Wire()
  .put(0, tcp('10.0.0.1:40001', '10.0.0.2:5060', 1, tcpFlags.syn))
  .put(1, tcp('10.0.0.1:40001', '10.0.0.2:5060', 2, tcpFlags.ack, Buffer.from(request('INVITE', { body: sdpOf('10.0.0.1:4000') }))))
  .put(2, tcp('10.0.0.1:40001', '10.0.0.2:5060', 900, tcpFlags.ack, Buffer.from(request('BYE', { toTag: 'b' }))));

const key = 'AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd';

export const packetTargets: Readonly<Record<string, Target>> = {
  pcap: {
    seeds: [
      few(plainCall()).pcap(),
      few(plainCall(new Wire({ link: 'vlan', fragmentBytes: 64 }))).pcap(),
      few(signalCall(new Wire({ link: 'cooked2' }))).pcap(),
      pcapngFile(few(plainCall()).sorted(), { little: false, resolutions: [9, 0x94] }),
      pcapFile(overTcp.sorted(), { nano: true }),
    ],
    words: ['\u00d4\u00c3\u00b2\u00a1', '\n\r\r\n', '\u0006\0\0\0', '\u0081\0', 'INVITE sip:x SIP/2.0\r\n', 'SIP/2.0 200 OK\r\n', '\r\n\r\n', 'm=audio 4000 RTP/AVP 0\r\n', '\u0080\0', '\u0080\u00c8', 'Replaces: call-1;', 'Content-Length: 99999\r\n'],
    run: async (input) => {
      const whole = await watch(input, Math.max(1, input.length));
      assert.deepEqual(await watch(input, 509), whole, 'however a file is cut into pieces, the same comes out');
    },
  },
  keys: {
    seeds: [Buffer.from(`# keys\n192.0.2.1:4000 caller ${key}\nssrc:0x1a2b call:a@b a=crypto:1 ${key}|2^20\n${key}\n`), Buffer.from('{"keys": ["AAAA", "BBBB"]}\n{"keys": ["CCCC"]}'), Buffer.from('[2001:db8::1]:4000=opus/48000/2@111,telephone-event@101,callee')],
    words: ['ssrc:', 'call:', 'session:', 'inline:', 'a=crypto:', 'caller', '[::1]:1', '{"keys":', '}{', '=PCMU', '@128', ',', '/', '\n'],
    run: (input) => {
      const text = input.toString();
      const parsed = parseKeysFile(text);
      if (typeof parsed === 'string') assert.ok(!parsed.includes('AAECAwQFBgcI'), 'no reason names a key');
      else for (const { crypto } of parsed.keys) assert.notEqual(typeof parseCryptoLine(crypto), 'string');
      const rule = parseRtpRule(text);
      if (typeof rule !== 'string') assert.ok(rule.codecs.length > 0 && rule.codecs.every(({ payloadType }) => payloadType <= 127));
    },
  },
};
