/**
 * Whole bodies in the shape that makers send them: body to parts, SDP and metadata to who speaks where.
 * Names, numbers and ids are invented; what is kept is what differs from RFC 7866.
 */
import t from 'tap';

import { readBody } from './multipart.js';
import { readSdp, type Sdp } from './sdp.js';
import { parseSessionId } from './session-id.js';
import { parseMetadata, type RecordingMetadata } from './siprec-metadata.js';
import { senderOf } from './stream-sender.js';

interface Offer {
  sdp: Sdp;
  metadata: RecordingMetadata;
  types: string[];
}

const crlf = (lines: readonly string[]): string => lines.join('\r\n');

const read = (contentType: string, body: string): Offer => {
  const parts = readBody(contentType, body);
  if (typeof parts === 'string') throw new Error(parts);
  const sdp = readSdp(parts.find((part) => part.contentType === 'application/sdp')?.content ?? '');
  const metadata = parseMetadata(parts.find((part) => /rs-metadata|\+xml/.test(part.contentType))?.content ?? '');
  if (typeof sdp === 'string' || typeof metadata === 'string') throw new Error(JSON.stringify([sdp, metadata]));
  return { sdp, metadata, types: parts.map((part) => part.contentType) };
};

const speakers = ({ sdp, metadata }: Offer): (readonly [string | undefined, string | undefined])[] =>
  sdp.media.map(({ label }) => [label, senderOf(metadata, label ?? '')?.aor]);

t.test('Cisco CUBE: comfort noise as 19, a third part, inactive, associations out of order, no closing delimiter', (t) => {
  const offer = read(
    'multipart/mixed;boundary=uniqueBoundary',
    crlf([
      '', '--uniqueBoundary', 'Content-Disposition: session;handling=required', 'Content-Type: application/sdp', '',
      'v=0', 'o=GW 11 12 IN IP4 192.0.2.1', 's=SIP Call', 'c=IN IP4 192.0.2.1', 't=0 0',
      'm=audio 16500 RTP/AVP 0 101 19', 'c=IN IP4 192.0.2.1', 'a=rtpmap:0 PCMU/8000', 'a=rtpmap:101 telephone-event/8000', 'a=fmtp:101 0-16',
      'a=rtpmap:19 CN/8000', 'a=ptime:20', 'a=inactive', 'a=label:1',
      'm=audio 16502 RTP/AVP 0 101 19', 'c=IN IP4 192.0.2.1', 'a=inactive', 'a=label:2', '',
      '--uniqueBoundary', 'Content-Disposition: recording-session', 'Content-Type: application/rs-metadata+xml', '',
      '<?xml version="1.0" encoding="UTF-8"?>', '<recording xmlns="urn:ietf:params:xml:ns:recording:1">', '<datamode>complete</datamode>',
      '<session session_id="U0VTUw=="><sipSessionID>0123456789abcdef0123456789abcdef;remote=fedcba9876543210fedcba9876543210</sipSessionID>',
      '<start-time>2026-02-03T04:05:06.700Z</start-time></session>',
      '<participant participant_id="UDE="><nameID aor="sip:2001@192.0.2.8"></nameID></participant>',
      '<stream stream_id="UzE=" session_id="U0VTUw=="><label>1</label></stream>',
      '<participant participant_id="UDI="><nameID aor="sip:2002@192.0.2.9"><name xml:lang="en">2002</name></nameID></participant>',
      '<stream stream_id="UzI=" session_id="U0VTUw=="><label>2</label></stream>',
      '<participantstreamassoc participant_id="UDI="><send>UzE=</send><recv>UzI=</recv></participantstreamassoc>',
      '<participantstreamassoc participant_id="UDE="><send>UzI=</send><recv>UzE=</recv></participantstreamassoc>',
      '</recording>', '', '--uniqueBoundary', 'Content-Disposition: signal;handling=optional', 'Content-Type: application/gtd', '', 'IAM,', 'GCI,00112233445566778899aabbccddeeff',
    ]),
  );
  t.strictSame(offer.types, ['application/sdp', 'application/rs-metadata+xml', 'application/gtd']);
  t.strictSame(offer.sdp.media[0]?.codecs.map(({ name }) => name), ['PCMU', 'telephone-event', 'CN']);
  t.strictSame(offer.sdp.media.map(({ direction }) => direction), ['inactive', 'inactive']);
  t.type(parseSessionId(offer.metadata.sessions[0]?.sipSessionIds[0] ?? ''), 'object');
  t.strictSame(speakers(offer), [['1', 'sip:2002@192.0.2.9'], ['2', 'sip:2001@192.0.2.8']]);
  t.end();
});

t.test('Oracle: ids called id, send under the participant, vendor elements with bare attributes, times without a zone, LF only', (t) => {
  const person = (id: string, aor: string, stream: string): string =>
    `<participant id="${id}" session="S=="><nameID aor="${aor}"><name>x</name></nameID><send>${stream}</send>` +
    '<extensiondata xmlns:apkt="http://acmepacket.com/siprec/extensiondata"><apkt:callingParty>true</apkt:callingParty><apkt:header label=P-Asserted-Identity><value>sip:33@x</value></apkt:header></extensiondata></participant>';
  const offer = read(
    'multipart/mixed; boundary=unique-boundary-1',
    ['--unique-boundary-1', 'Content-Type: application/sdp', '', 'v=0', 'o=- 1 2 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0',
      'm=audio 2000 RTP/AVP 0', 'a=label:33554433', 'a=sendonly', 'm=audio 2002 RTP/AVP 0', 'a=label:33554434', 'a=sendonly', '',
      '--unique-boundary-1', 'Content-Type: application/rs-metadata+xml', 'Content-Disposition: recording-session', '',
      "<?xml version='1.0' encoding='UTF-8'?>", "<recording xmlns='urn:ietf:params:xml:ns:recording'>", '<session id="S=="><associate-time>2026-02-03T04:05:06</associate-time></session>',
      person('A==', 'sip:31@192.0.2.2', 'T2=='), person('B==', 'sip:32@192.0.2.3', 'T1=='),
      '<stream id="T1==" session="S=="><label>33554433</label><mode>separate</mode></stream>', '<stream id="T2==" session="S=="><label>33554434</label></stream>',
      '</recording>', '--unique-boundary-1-- '].join('\n'),
  );
  t.strictSame(speakers(offer), [['33554433', 'sip:32@192.0.2.3'], ['33554434', 'sip:31@192.0.2.2']]);
  t.equal(offer.metadata.sessions[0]?.startedAt, '2026-02-03T04:05:06');
  t.end();
});

t.test('Ribbon: everything prefixed, a group, escaped headers in a foreign element, aor without scheme, c= per media', (t) => {
  const offer = read(
    'multipart/mixed;boundary="sonus-content-delim"',
    crlf(['--sonus-content-delim', 'Content-Type: application/sdp', '', 'v=0', 'o=x 1 2 IN IP4 192.0.2.1', 's=-', 't=0 0',
      'm=audio 2000 RTP/AVP 0', 'c=IN IP4 192.0.2.5', 'a=label:1', 'a=sendonly', 'm=audio 2002 RTP/AVP 0', 'c=IN IP4 192.0.2.5', 'a=label:2', 'a=sendonly', '',
      '--sonus-content-delim', 'Content-Type: application/rs-metadata+xml', '',
      "<tns:recording xmlns:tns='urn:ietf:params:xml:ns:recording'><tns:datamode>complete</tns:datamode>",
      '<tns:group group_id="G=="><callData xmlns=\'urn:ietf:params:xml:ns:callData\'><fromhdr>"A" &lt;sip:41@192.0.2.2&gt;;tag=q</fromhdr><session session_id="no"/></callData></tns:group>',
      '<tns:session session_id="S=="><tns:group-ref>G==</tns:group-ref></tns:session>',
      '<tns:participant participant_id="A=="><tns:nameID aor="41@192.0.2.2"><tns:name xml:lang="en"> </tns:name></tns:nameID></tns:participant>',
      '<tns:participant participant_id="B=="><tns:nameID aor="42@192.0.2.3"/></tns:participant>',
      '<tns:stream stream_id="T1==" session_id="S=="><tns:label>1</tns:label></tns:stream><tns:stream stream_id="T2==" session_id="S=="><tns:label>2</tns:label></tns:stream>',
      '<tns:participantstreamassoc participant_id="A=="><tns:send>T2==</tns:send></tns:participantstreamassoc>',
      '<tns:participantstreamassoc participant_id="B=="><tns:send>T1==</tns:send></tns:participantstreamassoc></tns:recording>', '--sonus-content-delim--']),
  );
  t.strictSame(speakers(offer), [['1', 'sip:42@192.0.2.3'], ['2', 'sip:41@192.0.2.2']]);
  t.strictSame(offer.metadata.sessions, [{ id: 'S==', groupId: 'G==', sipSessionIds: [] }]);
  t.equal(offer.metadata.groupId, 'G==');
  t.equal(offer.sdp.media[0]?.address, '192.0.2.5');
  t.end();
});

t.test('OpenSIPS: the Call-ID as sipSessionID, no associations, no c= line', (t) => {
  const offer = read(
    'multipart/mixed;boundary=OSS-unique-boundary-42',
    crlf(['--OSS-unique-boundary-42', 'Content-Type: application/sdp', '', 'v=0', 'o=- 1 0 IN IP4 0.0.0.0', 's=-',
      'm=audio 3000 RTP/AVP 0 8', 'a=label:1', 'a=sendonly', 'm=audio 3001 RTP/AVP 8 0', 'a=label:2', 'a=sendonly', '',
      '--OSS-unique-boundary-42', 'Content-Type: application/rs-metadata+xml', '',
      "<recording xmlns='urn:ietf:params:xml:ns:recording:1'><session session_id=\"S==\"><sipSessionID>8f@192.0.2.7</sipSessionID></session>",
      '<participant participant_id="A=="><nameID aor="sip:51@192.0.2.2"/></participant><participant participant_id="B=="><nameID aor="sip:52@x.example"/></participant>',
      '<stream stream_id="T1==" session_id="S=="><label>1</label></stream><stream stream_id="T2==" session_id="S=="><label>2</label></stream></recording>',
      '--OSS-unique-boundary-42--']),
  );
  t.strictSame(speakers(offer), [['1', 'sip:51@192.0.2.2'], ['2', 'sip:52@x.example']]);
  t.strictSame(offer.metadata.sessions[0]?.sipSessionIds, ['8f@192.0.2.7']);
  t.equal(offer.sdp.media[0]?.address, '');
  t.end();
});

t.test('SEMS: labels by name, the older content type, a=direction that is none, no closing delimiter', (t) => {
  const offer = read(
    'multipart/mixed;boundary=1A2B3C4D',
    crlf(['--1A2B3C4D', 'Content-Type: application/sdp', '', 'v=0', 'o=sems 1 2 IN IP4 192.0.2.1', 's=sems', 'c=IN IP4 192.0.2.1', 't=0 0',
      'm=audio 4000 RTP/AVP 8', 'a=direction:both', 'a=sendonly', 'a=label:a_leg', 'm=audio 4002 RTP/AVP 8', 'a=direction:both', 'a=sendonly', 'a=label:b_leg', '',
      '--1A2B3C4D', 'Content-Disposition: recording-session', 'Content-Type: application/rs-metadata', '',
      '<recording xmlns=\'urn:ietf:params:xml:ns:recording:1\'><participant', 'participant_id="A=="><nameID aor="Extension-61@x.example"/></participant>',
      '<stream stream_id="T1=="', 'session_id="S=="><label>b_leg</label></stream>',
      '<participantstreamassoc', 'participant_id="A=="><send>T1==</send></participantstreamassoc></recording>']),
  );
  t.strictSame(offer.sdp.media.map(({ direction }) => direction), ['sendonly', 'sendonly']);
  t.strictSame(speakers(offer), [['a_leg', undefined], ['b_leg', 'sip:Extension-61@x.example']]);
  t.end();
});

t.test('BroadWorks: recording_metadata in the siprec namespace, parts swapped, no space after colons, one mixed stream', (t) => {
  const offer = read(
    'multipart/mixed;boundary=UniqueBroadWorksBoundary',
    crlf(['  ', '--UniqueBroadWorksBoundary', 'Content-Type:application/rs-metadata+xml', 'Content-Disposition:recording-session', 'Content-Length:9999', '',
      '<recording_metadata xmlns="urn:ietf:params:xml:ns:siprec"><dataMode>complete</dataMode><recording><requestor>SRC</requestor></recording>',
      '<session id="urn:uuid:1"/><participant id="sip:71@x"><aor>sip:71@x</aor><send><id>urn:uuid:2</id></send></participant>',
      '<participant id="sip:72@x"><aor>sip:72@x;user=phone</aor><send><id>urn:uuid:2</id></send></participant>',
      '<stream id="urn:uuid:2"><label>1</label><mode>mixed</mode></stream>',
      '<broadWorksRecordingMetadata xmlns="http://vendor.example"><callID>call-1</callID></broadWorksRecordingMetadata></recording_metadata>',
      '--UniqueBroadWorksBoundary', 'Content-Type: application/sdp', 'Content-Length: 300', '', 'v=0', 'o=x 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0',
      'm=audio 5000 RTP/AVP 8 101 0 9 18', 'a=rtpmap:101 telephone-event/8000', 'a=sendonly', 'a=label:1', '', '--UniqueBroadWorksBoundary--']),
  );
  t.strictSame(speakers(offer), [['1', 'sip:71@x']]);
  t.strictSame(offer.metadata.participants.map(({ aor }) => aor), ['sip:71@x', 'sip:72@x;user=phone']);
  t.strictSame(offer.sdp.media[0]?.codecs.map(({ name }) => name), ['PCMA', 'telephone-event', 'PCMU', 'G722', 'G729']);
  t.end();
});

t.test('Avaya: an UPDATE whose body is only XML', (t) => {
  const xml = '<recording xmlns="urn:ietf:params:xml:ns:recording:1"><dataMode>partial</dataMode><participant participant_id="abc"><nameID aor="sip:81@x"/></participant></recording>';
  const parts = readBody('application/rs-metadata+xml', xml);
  t.ok(typeof parts !== 'string' && parts.length === 1);
  t.match(parseMetadata(xml), { dataMode: 'partial', participants: [{ aor: 'sip:81@x' }] });
  t.end();
});

t.test('AudioCodes: XML before SDP, a group, the UCID in a namespace of its own, SRTP', (t) => {
  const offer = read(
    'multipart/mixed;boundary=boundary_ac1fe',
    crlf(['--boundary_ac1fe', 'Content-Type: application/rs-metadata+xml', 'Content-Disposition: recording-session', '',
      '<recording xmlns="urn:ietf:params:xml:ns:recording:1" xmlns:ac="http://audiocodes.example"><datamode>complete</datamode><group group_id="G=="/><session session_id="S=="><group-ref>G==</group-ref><ac:AvayaUCID>00FA0800705D4C5DCAAC41</ac:AvayaUCID></session>',
      '<participant participant_id="A=="><nameID aor="sip:91@x"/></participant><participant participant_id="B=="><nameID aor="sip:92@x"/></participant>',
      '<stream stream_id="T1==" session_id="S=="><label>1</label></stream><stream stream_id="T2==" session_id="S=="><label>2</label></stream>',
      '<participantstreamassoc participant_id="A=="><send>T2==</send></participantstreamassoc><participantstreamassoc participant_id="B=="><send>T1==</send></participantstreamassoc></recording>',
      '--boundary_ac1fe', 'Content-Type: application/sdp', '', 'v=0', 'o=x 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0',
      'm=audio 6000 RTP/SAVP 8', 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x', 'a=sendonly', 'a=label:1', 'm=audio 6002 RTP/SAVP 8', 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:y', 'a=sendonly', 'a=label:2', '', '--boundary_ac1fe--']),
  );
  t.strictSame(speakers(offer), [['1', 'sip:92@x'], ['2', 'sip:91@x']]);
  t.match(offer.metadata, { groupId: 'G==', hints: { ucid: '00FA0800705D4C5DCAAC41' } });
  t.strictSame(offer.sdp.media.map(({ protocol, crypto }) => [protocol, crypto.length]), [['RTP/SAVP', 1], ['RTP/SAVP', 1]]);
  t.end();
});

t.test('Metaswitch: one mixed line without a direction, ids of mixed kind, an element of its own', (t) => {
  const offer = read(
    'multipart/mixed;boundary=m1',
    crlf(['--m1', 'Content-Type: application/sdp', '', 'v=0', 'o=x 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', 'm=audio 6000 RTP/AVP 0', 'a=label:1', '', '--m1', 'Content-Type: application/rs-metadata+xml', '',
      '<recording xmlns="urn:ietf:params:xml:ns:recording:1"><session session_id="s"/><participant participant_id="1"><nameID aor="sip:95@x"/></participant><participant participant_id="urn:uuid:2"><nameID aor="sip:96@x"/></participant>',
      '<stream stream_id="mix" session_id="s"><label>1</label></stream><participantstreamassoc participant_id="1"><send>mix</send></participantstreamassoc><participantstreamassoc participant_id="urn:uuid:2"><send>mix</send></participantstreamassoc>',
      '<metaswitchRecordingMetadata xmlns="http://meta.example"><participant participant_id="3"/></metaswitchRecordingMetadata></recording>', '--m1--']),
  );
  t.equal(offer.sdp.media[0]?.direction, 'sendrecv');
  t.strictSame(speakers(offer), [['1', 'sip:95@x']], 'the first of those that send into it');
  t.equal(offer.metadata.participants.length, 2, 'what stands in its own element is not of the document');
  t.end();
});

t.test('jambonz: numbers of its own, swapped, are passed over', (t) => {
  const offer = read(
    'multipart/mixed;boundary=j1',
    crlf(['--j1', 'Content-Type: application/sdp', '', 'v=0', 'o=x 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', 'm=audio 6000 RTP/AVP 0', 'a=sendonly', 'a=label:1', 'm=audio 6002 RTP/AVP 0', 'a=sendonly', 'a=label:2', '', '--j1', 'Content-Type: application/rs-metadata+xml', '',
      '<recording xmlns="urn:ietf:params:xml:ns:recording:1" xmlns:jb="http://jambonz.example"><session session_id="s"/><participant participant_id="a"><nameID aor="sip:97@x"/></participant><participant participant_id="b"><nameID aor="sip:98@x"/></participant>',
      '<stream stream_id="1" session_id="s"><label>1</label></stream><stream stream_id="2" session_id="s"><label>2</label></stream><participantstreamassoc participant_id="a"><send>1</send></participantstreamassoc><participantstreamassoc participant_id="b"><send>2</send></participantstreamassoc>',
      '<jb:callInfo><jb:callingNumber>98</jb:callingNumber><jb:calledNumber>97</jb:calledNumber></jb:callInfo></recording>', '--j1--']),
  );
  t.strictSame(speakers(offer), [['1', 'sip:97@x'], ['2', 'sip:98@x']]);
  t.equal(offer.metadata.hints, undefined);
  t.end();
});
