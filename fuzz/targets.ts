/**
 * The parsers that take what strangers send, each with valid input to start from.
 *
 * A target throws when something is wrong: the parser did, or what it gave does not hold together.
 */
import assert from 'node:assert/strict';
import { encodeEvent } from '../src/capture/event.js';
import { encodeEventRecord, encodePacket, parseRecords, recordHeadBytes } from '../src/capture/format.js';
import { encodeEntry, entryBytes, parseEntry } from '../src/capture/journal-format.js';
import { encodeFrame, FrameReader } from '../src/edge/app/frame-reader.js';
import { encodeMessage } from '../src/edge/message/encode-message.js';
import { encodeNameAddr, parseNameAddr } from '../src/edge/message/name-addr.js';
import { parseMessage } from '../src/edge/message/parse-message.js';
import { encodeHost, parseUri } from '../src/edge/message/uri.js';
import { encodeVia, parseVia } from '../src/edge/message/via.js';
import { MAX_TARGETS, parseProxyCommand } from '../src/edge/proxy/proxy-command.js';
import { answerBinding } from '../src/edge/transport/stun.js';
import { StreamFraming } from '../src/edge/transport/stream-framing.js';
import { encodeRtcp, encodeRtp, keySaltBytes, parseCryptoLine, parseRtcp, parseRtp, parseTelephoneEvent, parseWav, encodeWavHeader, SrtpReceiver, SrtpSender, useOpenSsl } from '../src/media/index.js';
import { openFlacReader } from '../src/media/files/flac-reader.js';
import { openFlacWriter } from '../src/media/files/flac-writer.js';
import { proveMp3 } from '../src/media/files/mp3-reader.js';
import { encodeOggPage } from '../src/media/files/ogg-pages.js';
import { OggReader } from '../src/media/files/ogg-reader.js';
import { openWavReader } from '../src/media/files/wav-reader.js';
import type { AudioReader } from '../src/media/files/audio-reader.js';
import { audioCodec, type CodecLine, type Decoder } from '../src/media/codecs/index.js';
import { readCiscoGuid } from '../src/sip/cisco-guid.js';
import { encodeForking, readXmf } from '../src/anchor/xmf/messages.js';
import { readBuiltInBridge } from '../src/sip/built-in-bridge.js';
import { readRecordingParticipants } from '../src/recorder/cisco-nbr.js';
import { answeredCodecs, securityOf } from '../src/recorder/line-answer.js';
import { partiesOf } from '../src/recorder/line-parties.js';
import { isRecordable, readRecordingOffer } from '../src/recorder/offer.js';
import { sessionIdsOf } from '../src/recorder/session-identity.js';
import { encodeMetadata } from '../src/sip/encode-metadata.js';
import { mergeMetadata } from '../src/sip/metadata-merge.js';
import { encodeMultipart } from '../src/sip/multipart.js';
import { rewriteSdp } from '../src/sip/rewrite-sdp.js';
import { readSdp } from '../src/sip/sdp.js';
import { parseMetadata, type RecordingMetadata } from '../src/sip/siprec-metadata.js';
import { readUcid } from '../src/sip/ucid.js';
import { packetTargets } from './packet-targets.js';
import type { Target } from './target.js';

const lines = (...all: readonly string[]): Buffer => Buffer.from(`${all.join('\r\n')}\r\n`);

const sdp = lines(
  'v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0',
  'm=audio 40000 RTP/SAVP 0 8 101', 'a=rtpmap:0 PCMU/8000', 'a=rtpmap:101 telephone-event/8000', 'a=fmtp:101 0-16',
  'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd', 'a=rtcp:40001 IN IP4 192.0.2.1', 'a=rtcp-mux', 'a=label:1', 'a=sendonly',
  'm=video 0 RTP/AVP 96', 'a=inactive',
);

const invite = lines(
  'INVITE sip:+4420@192.0.2.9;user=phone SIP/2.0', 'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport', 'Max-Forwards: 70',
  'From: "Ann" <sip:ann@192.0.2.1>;tag=1', 'To: <sip:+4420@192.0.2.9>', 'Call-ID: a@192.0.2.1', 'CSeq: 1 INVITE', 'Contact: <sip:ann@192.0.2.1:5060>',
  'Session-ID: 0123456789abcdef0123456789abcdef;remote=00000000000000000000000000000000', 'Content-Type: application/sdp', 'Content-Length: 5', '', 'v=0',
);
const answer = lines(
  'SIP/2.0 200 OK', 'v: SIP/2.0/TCP [2001:db8::1]:5060;branch=z9hG4bK2;received=192.0.2.7', 'f: <sip:a@b>;tag=1', 't: sip:c@d;tag=2', 'i: x', 'CSeq: 7 BYE', 'l: 0', '',
);

const xmfEvent = Buffer.from(
  '<SOAP:Envelope xmlns:SOAP="http://www.w3.org/2003/05/soap-envelope"><SOAP:Body><NotifyXmfConnectionData xmlns="http://www.cisco.com/schema/cisco_xmf/v1_0"><msgHeader><transactionID>1</transactionID>' +
    '<registrationID>2</registrationID></msgHeader><callData><callID>25</callID></callData><connData><connID>132</connID></connData><event><connected><connDetailData><guid>3FEF1DC0F10911DF80008EC1C0A8000A</guid>' +
    '<guidAltFormat>1-2-3-4</guidAltFormat><connDirectionType>INCOMING</connDirectionType></connDetailData></connected></event></NotifyXmfConnectionData></SOAP:Body></SOAP:Envelope>',
);
const metadata = Buffer.from(
  encodeMetadata({
    dataMode: 'complete',
    associatedAt: '2026-01-01T00:00:00Z',
    sessions: [{ id: 'c2Vzc2lvbg==', sipSessionIds: ['0123456789abcdef0123456789abcdef;remote=0'] }],
    participants: [{ id: 'YW5u', aor: 'sip:ann@192.0.2.1', name: 'Ann', sends: ['c3RyZWFt'], receives: [] }],
    streams: [{ id: 'c3RyZWFt', label: '1', sessionId: 'c2Vzc2lvbg==' }],
  }),
);
/** As vendors write it: drafts, extensions, times that take streams out and in. */
const vendorMetadata = Buffer.from(
  '<tns:recording xmlns:tns="urn:ietf:params:xml:ns:recording"><tns:datamode>partial</tns:datamode><tns:group group_id="g"><callData xmlns="urn:x"><fromhdr>"A" &lt;sip:8500@192.0.2.55&gt;;tag=1</fromhdr></callData></tns:group>' +
    '<tns:session id="s"><tns:group-ref>g</tns:group-ref><apkt:ucid xmlns:apkt="urn:y">00FA0800705D4C5DCAAC41;encoding=hex</apkt:ucid></tns:session><tns:participant id="YW5u"><tns:nameID aor="8500@192.0.2.55"/><tns:send><tns:id>c3RyZWFt</tns:id></tns:send>' +
    '<apkt:callingParty xmlns:apkt="urn:y">true</apkt:callingParty></tns:participant><tns:stream id="c3RyZWFt"><tns:label>1</tns:label><tns:mode>mixed</tns:mode></tns:stream><tns:sessionrecordingassoc session_id="s"><tns:associate-time>2026-01-01T00:00:00Z</tns:associate-time>' +
    '<tns:disassociate-time>2026-01-01T00:01:00Z</tns:disassociate-time></tns:sessionrecordingassoc><tns:participantstreamassoc participant_id="YW5u"><tns:send>c3RyZWFt</tns:send><tns:disassociate-time>x</tns:disassociate-time></tns:participantstreamassoc></tns:recording>',
);
const knownMetadata = parseMetadata(metadata.toString()) as RecordingMetadata;

const multipart = encodeMultipart([{ contentType: 'application/sdp', content: sdp.toString() }, { contentType: 'application/rs-metadata+xml', content: metadata.toString() }], 'boundary');

const rtp = encodeRtp({
  marker: true, payloadType: 0, sequenceNumber: 65_535, timestamp: 7, ssrc: 9, csrcs: [1, 2],
  extension: { profile: 0xbede, data: Buffer.alloc(8, 1) }, payload: Buffer.alloc(160, 0xd5),
});
const rtcp = encodeRtcp([
  { type: 'SR', ssrc: 9, ntp: 1n << 40n, rtpTimestamp: 7, packetCount: 1, octetCount: 160, reports: [], profileExtension: Buffer.alloc(0) },
  { type: 'SDES', chunks: [{ ssrc: 9, items: [{ item: 1, text: 'ann' }] }] },
  { type: 'BYE', ssrcs: [9], reason: 'done' },
]);
const keySalt = Buffer.alloc(keySaltBytes('AES_CM_128_HMAC_SHA1_80'), 3);
const keys = [{ suite: 'AES_CM_128_HMAC_SHA1_80', keySalt }, { suite: 'AEAD_AES_128_GCM', keySalt: Buffer.alloc(keySaltBytes('AEAD_AES_128_GCM'), 3) }] as const;
const protectedPackets = keys.flatMap((each) => {
  const sender = new SrtpSender(each);
  return [sender.protectRtp(rtp), sender.protectRtcp(rtcp)];
});

function journalEntry(): Buffer {
  const bytes = Buffer.from('sealed');
  return encodeEntry(Buffer.from('c.capture'), 5_000_000_000, bytes);
}

function captureChunk(): Buffer {
  const json = encodeEvent({ type: 'begin', captureId: 'c', sessionId: 's', recorder: 'r', metadata: {} });
  const chunk = Buffer.alloc(2 * recordHeadBytes + json.length + rtp.length);
  encodeEventRecord(chunk, 0, 1_700_000_000_000, json);
  encodePacket(chunk, recordHeadBytes + json.length, 1, 1_700_000_000_000, false, rtp);
  return chunk;
}

/** A short FLAC of two channels, one of them silent. */
function flacFile(): Buffer {
  const writer = openFlacWriter({ channels: 2, sampleRate: 8_000, frames: 5_000 });
  const tone = Int16Array.from({ length: 5_000 }, (_, n) => ((n * n) % 4_000) * 4);
  return Buffer.concat([writer.write([tone, new Int16Array(5_000)]), writer.end()]);
}
const oggFile = Buffer.concat([encodeOggPage([Buffer.from('OpusHead')], { granule: 0, serial: 1, sequence: 0, first: true }), encodeOggPage([Buffer.alloc(600, 7), Buffer.alloc(3)], { granule: 960, serial: 1, sequence: 1, last: true })]);

/** Reads a file in two pieces; what it gives has as many samples in each channel. */
function readThrough(reader: AudioReader, input: Buffer): void {
  for (const piece of [input.subarray(0, input.length >> 1), input.subarray(input.length >> 1)]) {
    const blocks = reader.push(piece);
    if (typeof blocks === 'string') return;
    for (const block of blocks) assert.ok(block.every((samples) => samples.length === block[0]?.length));
  }
  reader.end();
}

const speechLines: readonly CodecLine[] = [
  { name: 'PCMU', clockRate: 8_000 }, { name: 'L16', clockRate: 16_000, channels: 2 }, { name: 'G722', clockRate: 8_000 }, { name: 'GSM', clockRate: 8_000 }, { name: 'opus', clockRate: 48_000 },
  { name: 'G729', clockRate: 8_000 }, { name: 'iLBC', clockRate: 8_000 }, { name: 'iLBC', clockRate: 8_000, fmtp: 'mode=20' },
  { name: 'AMR', clockRate: 8_000 }, { name: 'AMR', clockRate: 8_000, fmtp: 'octet-align=1' }, { name: 'AMR-WB', clockRate: 16_000 }, { name: 'AMR-WB', clockRate: 16_000, fmtp: 'octet-align=1' },
];
const speechDecoders = new Map<string, Decoder>();
for (const line of speechLines) {
  const codec = audioCodec(line);
  if (codec?.decoding.by === 'us') speechDecoders.set(line.name, await codec.decoding.open());
}

const latin1 = (input: Buffer): string => input.toString('latin1');
const sipWords = ['\r\n', ' ', ';', ',', '"', '<', '>', '%00', 'SIP/2.0', 'z9hG4bK', 'Via: ', 'l: 99999999999', 'Content-Length: -1', '\r\n ', ';tag=', '@', '[::1]', ':65536', '4294967296 '];

const partsOfHeaders = [
  'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport;received="a\\"b"', 'SIP / 2.0 / TCP [2001:db8::1] ; branch = z9hG4bK2', '"A \\"B\\"" <sip:a%20b:pw@example.com:5061;lr;transport=tcp?X=y>;tag=1;q=0.5',
  'sip:a@b;tag=1', 'Ann <sip:ann@192.0.2.1>', 'sips:a;b=c@[::1]:5061;maddr=192.0.2.1', '*',
];

/** A message as far as reading what was written must give it back. */
const withoutLength = (message: ReturnType<typeof parseMessage>): unknown =>
  typeof message === 'string' ? message : { ...message, headers: message.headers.filter((each) => each.key !== 'content-length') };

export const targets: Readonly<Record<string, Target>> = {
  sip: {
    seeds: [invite, answer],
    words: sipWords,
    run: (input) => {
      const message = parseMessage(latin1(input));
      if (typeof message !== 'string') {
        const again = parseMessage(encodeMessage(message));
        // Content-Length is written anew, as the last.
        assert.deepEqual(withoutLength(again), withoutLength(message), 'what is written is read as it was');
      }
      const framing = new StreamFraming(65_536);
      const cut = input.length >> 1;
      framing.push(latin1(input.subarray(0, cut)));
      framing.push(latin1(input.subarray(cut)));
    },
  },
  parts: {
    seeds: partsOfHeaders.map((text) => Buffer.from(text)),
    words: sipWords,
    run: (input) => {
      const text = latin1(input);
      const via = parseVia(text);
      if (typeof via !== 'string') assert.deepEqual(parseVia(encodeVia(via)), via);
      const address = parseNameAddr(text);
      if (typeof address !== 'string') assert.deepEqual(parseNameAddr(encodeNameAddr(address)), address);
      const uri = parseUri(text);
      if (typeof uri === 'string') return;
      const { scheme, user, host, port, params } = uri;
      assert.deepEqual(parseUri(`${scheme}:${user === undefined ? '' : `${user}@`}${encodeHost(host)}${port === undefined ? '' : `:${port}`}${params}`), uri);
    },
  },
  proxy: {
    seeds: [Buffer.from('remainInDialog|fullResponse|followRedirects|simultaneous|500ms|20s|sip:a@192.0.2.1|sip:b@[2001:db8::1]:5061;transport=tcp\r\nINVITE sip:a@192.0.2.1 SIP/2.0\r\nX-A: 1\r\n\r\n'), Buffer.from('||||||sip:a')],
    words: ['|', 'ms', 's', '\r\n', 'simultaneous', 'sip:', '99999999999s', '86400000s', '|sip:a'.repeat(30)],
    run: (input) => {
      const [line = '', ...rest] = latin1(input).split('\r\n');
      const command = parseProxyCommand(line.split('|'), rest.join('\r\n'));
      if (typeof command === 'string') return;
      assert.ok(command.targets.length > 0 && command.targets.length <= MAX_TARGETS);
      for (const ms of [command.provisionalMs, command.finalMs]) assert.ok(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0 && ms <= 0x7fff_ffff));
    },
  },
  wire: {
    seeds: [Buffer.from(encodeFrame('id|authenticate|secret|')), Buffer.from(encodeFrame(`id|sip||\r\n${latin1(invite)}`) + encodeFrame('id|ping'))],
    words: ['#', '|', '99999#', '0#', '1#', '\r\n', '262145#'],
    run: (input) => {
      const whole = new FrameReader().push(latin1(input));
      const reader = new FrameReader();
      const payloads: string[] = [];
      let reason: string | undefined;
      for (let from = 0; from < input.length && reason === undefined; from += 7) {
        const frames = reader.push(latin1(input.subarray(from, from + 7)));
        payloads.push(...frames.payloads);
        reason = frames.reason;
      }
      // However a stream is cut into pieces, the same frames come out, up to what ends it.
      assert.deepEqual(payloads, whole.payloads.slice(0, payloads.length));
      if (whole.reason === undefined && reason === undefined) assert.equal(payloads.length, whole.payloads.length);
    },
  },
  stun: {
    seeds: [Buffer.from('000100002112a442b7e7a701bc34d686fa87dfae', 'hex'), Buffer.from('0001000c2112a442b7e7a701bc34d686fa87dfae8022000374657300' + '00060000', 'hex')],
    words: ['\u0000\u0001', '\u0080\u0022', '\u00ff\u00ff', '!\u0012\u00a4B'],
    run: (input) => {
      const given = answerBinding(input, '2001:db8::1', 5060);
      assert.ok(given === undefined || given.length <= input.length + 24, 'an answer is not much longer than its request');
    },
  },
  sdp: {
    seeds: [sdp],
    words: ['m=audio 0 RTP/AVP 0\r\n', 'a=', 'c=IN IP6 ::\r\n', '/127', '-1', '65536', '\n', '=', 'a=rtpmap:', 'a=crypto:'],
    run: (input) => {
      const text = input.toString();
      const read = readSdp(text);
      if (typeof read === 'string') return;
      for (const media of read.media) {
        securityOf(media, false, (bytes) => Buffer.alloc(bytes));
        assert.ok(answeredCodecs(media, undefined).every((codec) => media.codecs.includes(codec)), 'only what was offered is answered');
      }
      const anchored = rewriteSdp(text, read.media.map((media) => (media.port === 0 ? undefined : { address: '192.0.2.200', rtpPort: 20_000, rtcpPort: 20_001 })));
      const again = readSdp(anchored);
      assert.notEqual(typeof again, 'string', 'what was rewritten can be read');
    },
  },
  siprec: {
    seeds: [metadata, vendorMetadata, Buffer.from(multipart.body)],
    words: ['<!DOCTYPE x>', '<!ENTITY a "b">', '&a;', '&#0;', '<stream', '</', '/>', 'xmlns=', ']]>', '<![CDATA[', '--boundary', '--boundary--', 'disassociate-time', 'partial', '<send>', '<ucid>', '<fromhdr>', ' participant_id=""'],
    run: (input) => {
      const text = input.toString();
      const read = parseMetadata(text);
      if (typeof read !== 'string') {
        const letters = read.participants.reduce((sum, { aor, name = '' }) => sum + aor.length + name.length, 0);
        assert.ok(letters <= text.length + 'sip:'.length * read.participants.length, 'nothing expands');
        const merged = mergeMetadata(mergeMetadata(knownMetadata, read), { ...read, dataMode: 'partial' });
        assert.ok(merged.participants.length <= 512 && merged.streams.length <= 512, 'what is known has a bound');
      }
      const request = { contentType: multipart.contentType, body: text, callId: 'c', header: () => undefined };
      const offer = readRecordingOffer(request);
      if (typeof offer === 'string') return;
      const { metadata: told, bridge, participants, parts } = offer;
      assert.ok(Buffer.byteLength(sessionIdsOf({ request, parts, metadata: told, bridge, configuredHeader: undefined })[0]) <= 128);
      const lines = offer.sdp?.media.filter(isRecordable) ?? [];
      assert.equal(partiesOf({ metadata: told, bridge, participants }, lines).length, lines.length);
    },
  },
  clients: {
    seeds: [
      '<sip:7001@192.0.2.28;x-nearend;x-refci=27757093;x-nearendclusterid=c1;x-nearendaddr=7001;x-farendaddr=4006>;tag=98', 'sip:708090@192.0.2.5;media-index="0",sip:10000@192.0.2.32;media-index="1"',
      '00FA0800705D4C5DCAAC41;encoding=hex', '0123456789abcdef0123456789abcdef;remote=fedcba9876543210fedcba9876543210',
    ].map((text) => Buffer.from(text)),
    words: [';', '"', '<', '>', 'x-farend', 'x-refci=', 'media-index=', 'FA08', 'sip:', '@', ','],
    run: (input) => {
      const text = latin1(input);
      const bridge = readBuiltInBridge(text);
      assert.ok(readRecordingParticipants(text).size <= 32);
      const ucid = readUcid(text);
      assert.ok(ucid === undefined || readUcid(ucid) === ucid, 'a UCID is written in one way');
      // Each header of a client says this.
      const request = { contentType: undefined, body: '', callId: text, header: () => text };
      const [id, ...others] = sessionIdsOf({ request, parts: [], metadata: undefined, bridge, configuredHeader: 'x' });
      assert.ok(Buffer.byteLength(id) <= 128 && others.length <= 1);
    },
  },
  xmf: {
    seeds: [Buffer.from(encodeForking({ transactionId: '1', registrationId: '4CA5E4:XMF:myapp:4' }, { callId: '25', connectionId: '132' }, { near: { address: '192.0.2.1', port: 30_000 }, far: { address: '192.0.2.1', port: 30_002 }, tone: true })), xmfEvent],
    words: ['<!DOCTYPE x>', '&a;', '</', '/>', '<SOAP:Fault>', '<connected>', 'PT5S', 'xmlns=', ']]>'],
    run: (input) => {
      const message = readXmf(input.toString());
      if (typeof message !== 'string' && message.kind === 'connected') for (const guid of message.guids) readCiscoGuid(guid);
    },
  },
  rtp: {
    seeds: [rtp, Buffer.from([0, 0x8a, 3, 0x20])],
    words: ['\u0000'],
    run: (input) => {
      const packet = parseRtp(input);
      if (typeof packet !== 'string') assert.ok(packet.payload.length <= input.length);
      parseTelephoneEvent(input);
    },
  },
  rtcp: { seeds: [rtcp], words: ['\u0000'], run: (input) => void parseRtcp(input) },
  srtp: {
    seeds: [...protectedPackets, Buffer.from('1 AES_CM_128_HMAC_SHA1_80 inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd|2^20|1:4')],
    words: ['inline:', '|', '2^48', ':', ' ', '='],
    run: (input) => {
      const genuine = protectedPackets.some((packet) => packet.equals(input));
      const [byOpenSsl, otherwise] = [true, false].map((may) => {
        useOpenSsl(may);
        return keys.flatMap((each) => {
          const receiver = new SrtpReceiver(each);
          return [receiver.unprotectRtp(input), receiver.unprotectRtcp(input)];
        });
      });
      assert.ok(genuine || byOpenSsl?.every((outcome) => typeof outcome === 'string'), 'only what the sender made authenticates');
      assert.deepEqual(byOpenSsl, otherwise, 'both ways come to the same');
      parseCryptoLine(latin1(input));
    },
  },
  wav: {
    seeds: [Buffer.concat([encodeWavHeader({ channels: 2, sampleRate: 8_000, bitsPerSample: 16, format: 'pcm', frames: 40 }), Buffer.alloc(160)])],
    words: ['RIFF', 'WAVE', 'fmt ', 'data', 'LIST', '\u00ff\u00ff'],
    run: (input) => {
      parseWav(input);
      readThrough(openWavReader(), input);
    },
  },
  flac: { seeds: [flacFile()], words: ['fLaC', '\u0080', '\u00ff\u00f8'], run: (input) => readThrough(openFlacReader(), input) },
  mp3: { seeds: [Buffer.concat([Buffer.from('fff3a4c4', 'hex'), Buffer.alloc(1_000, 1)])], words: ['\u00ff\u00f3', '\u00ff\u00fb'], run: (input) => readThrough(proveMp3(), input) },
  ogg: {
    seeds: [oggFile],
    words: ['OggS', '\u00ff', 'OpusHead', 'OpusTags'],
    run: (input) => {
      const reader = new OggReader();
      const packets = reader.push(input);
      if (typeof packets !== 'string') assert.ok(packets.reduce((sum, { bytes }) => sum + bytes.length, 0) <= input.length);
      reader.end();
    },
  },
  speech: {
    seeds: [Buffer.from('f0bc3c', 'hex'), Buffer.concat([Buffer.of(0xd5), Buffer.alloc(32, 9)]), Buffer.alloc(50, 0x24), Buffer.alloc(20, 3), Buffer.of(0x78, 0xff, 0xfe)],
    words: ['\u00d5', '\u00f0', '\u0080'],
    run: (input) => {
      for (const line of speechLines) {
        const codec = audioCodec(line);
        const due = ((codec?.ticksIn(input) ?? 0) * (codec?.sampleRate ?? 0)) / (codec?.clockRate ?? 1);
        assert.ok(due <= input.length * 24 * 480 && Number.isInteger(due));
        if (due > 200_000) continue;
        assert.ok((speechDecoders.get(line.name)?.decode(input, new Int16Array(due), 0) ?? 0) <= due);
      }
    },
  },
  ...packetTargets,
  capture: {
    seeds: [captureChunk(), journalEntry()],
    words: ['{', '}', '"type"', '\u0001', '\u0003'],
    run: (input) => {
      parseRecords(input);
      if (parseEntry(input) !== undefined) assert.equal(entryBytes(input), input.length);
    },
  },
};
