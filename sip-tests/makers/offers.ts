/**
 * What recording clients of each maker send, in their own form: reduced to what is theirs, with names, numbers and IDs
 * invented. `ports` are where their audio comes from.
 */
import type { Said } from './flow.js';

const host = '127.0.0.1';

export interface SdpLine {
  readonly port: number;
  readonly label?: string;
  readonly direction?: 'sendonly' | 'inactive' | 'none';
  readonly formats?: string;
  readonly attributes?: readonly string[];
  readonly kind?: string;
  readonly protocol?: string;
  /** Its own c= line, in place of the session's. */
  readonly connection?: boolean;
}

export const sdp = (lines: readonly SdpLine[], { user = '-', version = 1, connection = true }: { user?: string; version?: number; connection?: boolean } = {}): string =>
  [
    'v=0', `o=${user} 2890 ${version} IN IP4 ${host}`, 's=-', ...(connection ? [`c=IN IP4 ${host}`] : []), 't=0 0',
    ...lines.flatMap(({ port, label, direction = 'sendonly', formats = '0 101', attributes = ['rtpmap:0 PCMU/8000', 'rtpmap:101 telephone-event/8000', 'fmtp:101 0-16'], kind = 'audio', protocol = 'RTP/AVP', connection: own = false }) => [
      `m=${kind} ${port} ${protocol} ${formats}`,
      ...(own ? [`c=IN IP4 ${host}`] : []),
      ...attributes.map((attribute) => `a=${attribute}`),
      ...(direction === 'none' ? [] : [`a=${direction}`]),
      ...(label === undefined ? [] : [`a=label:${label}`]),
    ]),
    '',
  ].join('\n');

interface Part {
  readonly headers: readonly string[];
  readonly content: string;
}

function multipart(boundary: string, parts: readonly Part[], closed = true): Pick<Said, 'contentType' | 'body'> {
  const body = parts.map(({ headers, content }) => [`--${boundary}`, ...headers, '', content].join('\n')).join('\n');
  return { contentType: `multipart/mixed;boundary=${boundary}`, body: `${body}\n${closed ? `--${boundary}--\n` : ''}` };
}

const sdpPart = (content: string, headers: readonly string[] = ['Content-Type: application/sdp']): Part => ({ headers, content });
const xmlPart = (content: string, headers: readonly string[] = ['Content-Type: application/rs-metadata+xml', 'Content-Disposition: recording-session']): Part => ({ headers, content });

const standard = 'urn:ietf:params:xml:ns:recording:1';

/** Metadata as RFC 7865 has them; each person sends on one label. */
export function rfcMetadata(people: readonly { id: string; aor: string; label: string }[], { session = 'U2Vzc2lvbg==', sipSessionId, group, mode = 'complete' }: { session?: string; sipSessionId?: string; group?: string; mode?: 'complete' | 'partial' } = {}): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>', `<recording xmlns="${standard}"><datamode>${mode}</datamode>`,
    ...(group === undefined ? [] : [`<group group_id="${group}"/>`]),
    `<session session_id="${session}">${sipSessionId === undefined ? '' : `<sipSessionID>${sipSessionId}</sipSessionID>`}${group === undefined ? '' : `<group-ref>${group}</group-ref>`}</session>`,
    ...people.map(({ id, aor }) => `<participant participant_id="${id}"><nameID aor="${aor}"/></participant>`),
    ...people.map(({ id, label }) => `<stream stream_id="s${id}" session_id="${session}"><label>${label}</label></stream>`),
    ...people.map(({ id }) => `<participantstreamassoc participant_id="${id}"><send>s${id}</send></participantstreamassoc>`),
    '</recording>',
  ].join('\n');
}

export const siprec = (description: string, metadata: string, headers: readonly string[] = ['Require: siprec']): Said => ({ headers, ...multipart('b1', [sdpPart(description), xmlPart(metadata)]) });

type Ports = readonly [number, number];

/** Cisco CUBE: begins inactive, comfort noise as 19, the participants' associations behind the streams, a GTD, no closing delimiter. */
export function ciscoCube([left, right]: Ports, sipSessionId: string, direction: 'inactive' | 'sendonly'): Said {
  const line = (port: number, label: string): SdpLine => ({ port, label, direction, connection: true, formats: '0 101 19', attributes: ['rtpmap:0 PCMU/8000', 'rtpmap:101 telephone-event/8000', 'fmtp:101 0-16', 'rtpmap:19 CN/8000', 'ptime:20'] });
  const xml = [
    '<?xml version="1.0" encoding="UTF-8"?>', `<recording xmlns="${standard}">`, '<datamode>complete</datamode>', '<session session_id="Q1VCRQ==">', `<sipSessionID>${sipSessionId}</sipSessionID>`, '<start-time>2027-02-03T04:05:06.040Z</start-time>', '</session>',
    '<participant participant_id="UDE=">', '<nameID aor="sip:7301@192.0.2.8">', '</nameID>', '</participant>', '<participantsessionassoc participant_id="UDE=" session_id="Q1VCRQ==">', '<associate-time>2027-02-03T04:05:06.040Z</associate-time>', '</participantsessionassoc>',
    '<stream stream_id="UzE=" session_id="Q1VCRQ==">', '<label>1</label>', '</stream>',
    '<participant participant_id="UDI=">', '<nameID aor="sip:7300@192.0.2.9">', '<name xml:lang="en">7300</name>', '</nameID>', '</participant>', '<stream stream_id="UzI=" session_id="Q1VCRQ==">', '<label>2</label>', '</stream>',
    '<participantstreamassoc participant_id="UDE=">', '<send>UzE=</send>', '<recv>UzI=</recv>', '</participantstreamassoc>', '<participantstreamassoc participant_id="UDI=">', '<send>UzI=</send>', '<recv>UzE=</recv>', '</participantstreamassoc>', '</recording>',
  ].join('\n');
  return {
    headers: ['Cisco-Guid: 2432917800-1464078823-2314850559-1455670872', `Session-ID: ${sipSessionId}`, 'Require: siprec', 'Supported: timer', 'Session-Expires: 1800', 'Min-SE: 1800'],
    ...multipart('uniqueBoundary', [
      sdpPart(sdp([line(left, '1'), line(right, '2')], { user: 'GW-UserAgent' }), ['Content-Disposition: session;handling=required', 'Content-Type: application/sdp']),
      xmlPart(xml, ['Content-Disposition: recording-session', 'Content-Type: application/rs-metadata+xml']),
      { headers: ['Content-Disposition: signal;handling=optional', 'Content-Type: application/gtd'], content: 'IAM,\nGCI,91036128574411e789f9d0ff56c3c658\n' },
    ], false),
  };
}

/** Oracle: draft namespace and ids, times without zone, labels of eight digits; the second participant called. */
export function oracle([left, right]: Ports): Said {
  const line = (port: number, label: string): SdpLine => ({ port, label, formats: '0', attributes: ['rtpmap:0 PCMU/8000', 'maxptime:150'] });
  const person = (id: string, aor: string, stream: string, calling: boolean): string =>
    `<participant id="${id}" session="T3JhY2xl"><nameID aor="${aor}"><name>${aor.slice(4, 8)}</name></nameID><send>${stream}</send><associate-time>2027-03-09T16:50:20</associate-time><extensiondata xmlns:apkt="http://acmepacket.com/siprec/extensiondata"><apkt:callingParty>${calling}</apkt:callingParty></extensiondata></participant>`;
  const xml = [
    "<?xml version='1.0' encoding='UTF-8'?>", "<recording xmlns='urn:ietf:params:xml:ns:recording'>", '<datamode>complete</datamode>',
    '<session id="T3JhY2xl"><associate-time>2027-03-09T16:50:20</associate-time><extensiondata xmlns:apkt="http://acmepacket.com/siprec/extensiondata"><apkt:ucid>00FA080001002A5DCAAC41;encoding=hex</apkt:ucid></extensiondata></session>',
    person('UEE=', 'sip:9000@192.0.2.102', 'c3Qx', false), person('UEI=', 'sip:1002@192.0.2.10', 'c3Qy', true),
    '<stream id="c3Qx" session="T3JhY2xl"><label>16777227</label><mode>separate</mode></stream>', '<stream id="c3Qy" session="T3JhY2xl"><label>16777228</label><mode>separate</mode></stream>', '</recording>',
  ].join('\n');
  return { headers: ['Require: siprec', 'Contact: <sip:SRC@[local_ip]:[local_port];+sip.src>'], ...multipart('unique-boundary-1', [sdpPart(sdp([line(left, '16777227'), line(right, '16777228')])), xmlPart(xml)]) };
}

/** AudioCodes: SRTP, the bare feature tag, a group that survives a transfer. */
export function audioCodes([left, right]: Ports, callId: string, keys: readonly [string, string], direction: 'sendonly' | 'inactive' = 'sendonly'): Said {
  const line = (port: number, label: string, key: string): SdpLine => ({ port, label, direction, protocol: 'RTP/SAVP', formats: '8 101', attributes: ['rtpmap:8 PCMA/8000', 'rtpmap:101 telephone-event/8000', `crypto:${key}`] });
  const people = [{ id: 'A1', aor: 'sip:1001@audio.example', label: '1' }, { id: 'A2', aor: 'sip:2002@audio.example', label: '2' }];
  return {
    headers: ['Contact: <sip:sbc@[local_ip]:[local_port]>;src', 'Require: siprec', `X-AUDC-CALL-ID: ${callId}`],
    ...multipart('boundary_ac1fe', [xmlPart(rfcMetadata(people, { group: 'R3JvdXA=' })), sdpPart(sdp([line(left, '1', keys[0]), line(right, '2', keys[1])]))]),
  };
}

/** Ribbon: everything prefixed, c= per line, addresses without scheme; labels crossed, and the From that called. */
export function ribbon([left, right]: Ports, group: string): Said {
  const line = (port: number, label: string): SdpLine => ({ port, label, connection: true, formats: '0', attributes: ['rtpmap:0 PCMU/8000'] });
  const xml = [
    '<?xml version="1.0" encoding="UTF-8"?>', "<tns:recording xmlns:tns='urn:ietf:params:xml:ns:recording'>", '<tns:datamode>complete</tns:datamode>', `<tns:group group_id="${group}">`, '<tns:associate-time>1970-05-13T03:29:05Z</tns:associate-time>',
    "<callData xmlns='urn:ietf:params:xml:ns:callData'><fromhdr>\"Extension 8500\" &lt;sip:8500@192.0.2.55&gt;;tag=SerryvK5</fromhdr><tohdr>&lt;sip:8012@192.0.2.72&gt;;tag=gK00</tohdr><callid>2da5</callid><gcid>241205267</gcid></callData>", '</tns:group>',
    `<tns:session session_id="c2Vz"><tns:group-ref>${group}</tns:group-ref></tns:session>`,
    '<tns:participant participant_id="cDE="><tns:nameID aor="8500@192.0.2.55"><tns:name xml:lang="en">Extension 8500</tns:name></tns:nameID></tns:participant>', '<tns:participant participant_id="cDI="><tns:nameID aor="8012@192.0.2.72"><tns:name xml:lang="en"> </tns:name></tns:nameID></tns:participant>',
    '<tns:stream stream_id="czE=" session_id="c2Vz"><tns:label>1</tns:label></tns:stream>', '<tns:stream stream_id="czI=" session_id="c2Vz"><tns:label>2</tns:label></tns:stream>',
    '<tns:participantstreamassoc participant_id="cDE="><tns:send>czI=</tns:send><tns:recv>czE=</tns:recv></tns:participantstreamassoc>', '<tns:participantstreamassoc participant_id="cDI="><tns:send>czE=</tns:send><tns:recv>czI=</tns:recv></tns:participantstreamassoc>', '</tns:recording>',
  ].join('\n');
  return { headers: ['Require: siprec'], ...multipart('sonus-content-delim', [sdpPart(sdp([line(left, '1'), line(right, '2')], { connection: false }), ['Content-Disposition: session; handling=required', 'Content-Type: application/sdp']), xmlPart(xml)]) };
}

const avayaSession = (ucid: string): string => `<sessionrecordingassoc session_id="${ucid}"><associate-time>2027-11-12T15:57:37</associate-time></sessionrecordingassoc>`;

/** Avaya SBCE: the UCID as session id and in a header, labels 10 and 20, a placeholder for who is not known yet. */
export function avaya([left, right]: Ports, ucid: string): Said {
  const line = (port: number, label: string): SdpLine => ({ port, label, formats: '8 97', attributes: ['rtpmap:8 PCMA/8000', 'rtpmap:97 telephone-event/8000', 'ptime:20'] });
  const xml = [
    '<?xml version="1.0" encoding="UTF-8"?>', `<recording xmlns="${standard}">`, '<dataMode>complete</dataMode>', `<session session_id="${ucid}"></session>`, avayaSession(ucid),
    '<participant participant_id="9a2de728ba0bc348db1e"><nameID aor="sip:9878942259@192.0.2.145"></nameID></participant>', '<participantstreamassoc participant_id="9a2de728ba0bc348db1e"><send>e6988909e02ca808ec0a</send></participantstreamassoc>',
    '<participant participant_id="abcdef12345678901234"><nameID aor="sip:ASBCE@asbce.com"></nameID></participant>', '<participantstreamassoc participant_id="abcdef12345678901234"><send>261ddd3615629f108092</send></participantstreamassoc>',
    `<stream stream_id="e6988909e02ca808ec0a" session_id="${ucid}"><label>10</label></stream>`, `<stream stream_id="261ddd3615629f108092" session_id="${ucid}"><label>20</label></stream>`, '</recording>',
  ].join('\n');
  return { headers: [`User-to-User: ${ucid};encoding=hex`, 'Require: siprec'], ...multipart('foobar', [sdpPart(sdp([line(left, '10'), line(right, '20')], { user: 'AvayaSBC' })), xmlPart(xml)]) };
}

/** ... who is named later, by metadata alone. */
export const avayaUpdate = (ucid: string): Said => ({
  contentType: 'application/rs-metadata+xml',
  headers: ['Content-Disposition: recording-session'],
  body: [
    '<?xml version="1.0" encoding="UTF-8"?>', `<recording xmlns="${standard}">`, '<dataMode>partial</dataMode>', `<session session_id="${ucid}"></session>`, avayaSession(ucid),
    '<participant participant_id="4455de728ba0bc348db1"><nameID aor="sip:4455@192.0.2.20"></nameID></participant>', '<participantstreamassoc participant_id="4455de728ba0bc348db1"><send>261ddd3615629f108092</send></participantstreamassoc>', '</recording>',
  ].join('\n'),
});

/** Metaswitch: one mixed line, no direction at all, ids of mixed kind. */
export function metaswitch(port: number, session: string): Said {
  const xml = [
    '<?xml version="1.0"?>', `<recording xmlns="${standard}">`, '<datamode>complete</datamode>', `<session session_id="${session}"/>`,
    '<participant participant_id="1"><nameID aor="sip:5551001@meta.example"/></participant>', '<participant participant_id="urn:uuid:2"><nameID aor="sip:5551002@meta.example"/></participant>',
    `<stream stream_id="mix" session_id="${session}"><label>1</label></stream>`, '<participantstreamassoc participant_id="1"><send>mix</send></participantstreamassoc>', '<participantstreamassoc participant_id="urn:uuid:2"><send>mix</send></participantstreamassoc>',
    '<metaswitchRecordingMetadata xmlns="http://meta.example/recording"><callID>1</callID></metaswitchRecordingMetadata>', '</recording>',
  ].join('\n');
  return { headers: ['Organization: Metaswitch Networks', 'Require: siprec'], ...multipart('mixed-1', [sdpPart(sdp([{ port, label: '1', direction: 'none', formats: '0', attributes: [] }])), xmlPart(xml)]) };
}

/** BroadWorks: recording_metadata in a namespace of its own, the XML first, headers without a space, wrong lengths, Opus and G.722 offered. */
export function broadWorks(port: number, sessionUuid: string): Said {
  const line: SdpLine = { port, label: '1', formats: '8 111 101 0 9 18', attributes: ['rtpmap:8 PCMA/8000', 'rtpmap:111 opus/48000/2', 'rtpmap:101 telephone-event/8000', 'rtpmap:0 PCMU/8000', 'rtpmap:9 G722/8000', 'rtpmap:18 G729/8000', 'ptime:20'] };
  const xml = [
    '<recording_metadata xmlns="urn:ietf:params:xml:ns:siprec">', '<dataMode>complete</dataMode>', '<recording><requestor>SRC</requestor><type>selective</type></recording>', '<session id="urn:uuid:s1"/>',
    '<participant id="sip:alice"><aor>sip:alice@broad.example</aor><send><id>urn:uuid:f1</id></send></participant>', '<participant id="sip:bob"><aor>sip:+15550100@192.0.2.7;user=phone</aor><send><id>urn:uuid:f1</id></send></participant>',
    '<stream id="urn:uuid:f1"><mode>mixed</mode><label>1</label></stream>', '<broadWorksRecordingMetadata xmlns="http://schema.broadsoft.example"><extTrackingID>1142208:1</extTrackingID><serviceProviderID>Demo</serviceProviderID><userID>alice@broad.example</userID><callID>callhalf-1:0</callID><callType>orig</callType></broadWorksRecordingMetadata>', '</recording_metadata>',
  ].join('\n');
  return {
    headers: [`Session-ID: ${sessionUuid};remote=${'0'.repeat(32)}`, 'X-BroadWorks-Correlation-Info: 279bcde4-62aa', 'Contact: <sip:rec@[local_ip]:[local_port]>;src', 'Require: siprec'],
    ...multipart('UniqueBroadWorksBoundary', [xmlPart(xml, ['Content-Type:application/rs-metadata+xml', 'Content-Disposition:recording-session', 'Content-Length:2012']), sdpPart(sdp([line], { user: 'BroadWorks' }), ['Content-Type: application/sdp', 'Content-Length: 300'])]),
  };
}

/** ... and its pause: an SDP alone. */
export const broadWorksDirection = (port: number, direction: 'inactive' | 'sendonly', version: number): Said => ({ body: sdp([{ port, label: '1', direction, formats: '8 101', attributes: ['rtpmap:8 PCMA/8000', 'rtpmap:101 telephone-event/8000'] }], { user: 'BroadWorks', version }) });

/** OpenSIPS: the Call-ID as sipSessionID, no associations, no c= line. */
export function openSips([left, right]: Ports, session: string): Said {
  const line = (port: number, label: string, formats: string): SdpLine => ({ port, label, formats, attributes: ['rtpmap:0 PCMU/8000', 'rtpmap:8 PCMA/8000', 'rtpmap:101 telephone-event/8000', 'maxptime:150'] });
  const xml = [
    '<?xml version="1.0" encoding="UTF-8"?>', `<recording xmlns='${standard}'>`, '\t<datamode>complete</datamode>', `\t<session session_id="${session}">`, '\t\t<sipSessionID>2d8abbf0769c66e1@192.0.2.239</sipSessionID>', '\t</session>',
    '\t<participant participant_id="WEWT">', '\t\t<nameID aor="sip:0771121212@192.0.2.239">', '\t\t\t<name>test_user;lang=en-US;id=22</name>', '\t\t</nameID>', '\t</participant>', '\t<participant participant_id="21Is">', '\t\t<nameID aor="sip:0760516936@cust1.example"/>', '\t</participant>',
    `\t<stream stream_id="EkG6" session_id="${session}">`, '\t\t<label>1</label>', '\t</stream>', `\t<stream stream_id="4CLO" session_id="${session}">`, '\t\t<label>2</label>', '\t</stream>', '</recording>',
  ].join('\n');
  return { headers: ['Require: siprec'], ...multipart('OSS-unique-boundary-42', [sdpPart(sdp([line(left, '1', '0 8 3 101'), line(right, '2', '8 0 101')], { connection: false })), xmlPart(xml)]) };
}

/** jambonz: always RTP/AVP, headers as configured, its own data with both numbers swapped. */
export function jambonz([left, right]: Ports, callId: string): Said {
  const people = [{ id: 'J1', aor: 'sip:15083084809@jambonz.example', label: '1' }, { id: 'J2', aor: 'sip:16173333456@jambonz.example', label: '2' }];
  const xml = rfcMetadata(people, { session: 'amFtYg==' }).replace('</recording>', '<jb:jambonz xmlns:jb="http://jambonz.example"><jb:callingNumber>16173333456</jb:callingNumber><jb:calledNumber>15083084809</jb:calledNumber></jb:jambonz></recording>');
  return { ...siprec(sdp([{ port: left, label: '1' }, { port: right, label: '2' }]), xml, ['Require: siprec', `X-Call-Sid: ${callId}`]) };
}

/** SEMS: named labels, the older content type, an address without scheme, a direction that is none, no closing delimiter. */
export function sems([left, right]: Ports, session: string): Said {
  const line = (port: number, label: string): SdpLine => ({ port, label, connection: true, formats: '8', attributes: ['rtpmap:8 PCMA/8000', 'direction:both'] });
  const xml = [
    '<?xml version="1.0" encoding="UTF-8"?>', `<recording xmlns='${standard}'>`, '<datamode>complete</datamode>', `<session session_id="${session}">`, '<start-time>2027-12-11T14:44:23Z</start-time>', '</session>',
    '<participant participant_id="Ye5S">', '<nameID aor="sip:016190200@192.0.2.116">', '<name>016190200</name>', '</nameID>', '</participant>', '<participant participant_id="QDhK">', '<nameID aor="Extension-016190619@speech.example">', '</nameID>', '</participant>',
    '<stream stream_id="HdU6"', `session_id="${session}">`, '<label>a_leg</label>', '</stream>', '<stream stream_id="T6T6"', `session_id="${session}">`, '<label>b_leg</label>', '</stream>',
    '<participantstreamassoc', 'participant_id="Ye5S">', '<send>HdU6</send>', '<recv>T6T6</recv>', '</participantstreamassoc>', '<participantstreamassoc', 'participant_id="QDhK">', '<send>T6T6</send>', '<recv>HdU6</recv>', '</participantstreamassoc>', '</recording>',
  ].join('\n');
  return { headers: ['Require: siprec'], ...multipart('2CD2A2E9', [sdpPart(sdp([line(left, 'a_leg'), line(right, 'b_leg')], { user: 'sems' })), xmlPart(xml, ['Content-Disposition: recording-session', 'Content-Type: application/rs-metadata'])], false) };
}

/** Cisco, network-based: plain SDP; headers say who is on which line. */
export const ciscoNbr = ([left, right]: Ports, guid: string, parties: readonly [string, string], version = 1): Said => ({
  headers: [`X-Cisco-Recording-Participant: ${parties[0]};media-index="0"`, `X-Cisco-Recording-Participant: ${parties[1]};media-index="1"`, `Cisco-Guid: ${guid}`, 'Contact: <sip:[local_ip]:[local_port];transport=udp>', 'Supported: 100rel,timer,resource-priority,replaces,sdp-anat', 'Min-SE: 1800', 'Allow: INVITE, OPTIONS, BYE, CANCEL, ACK, PRACK, REFER, SUBSCRIBE, NOTIFY, INFO, REGISTER'],
  body: sdp([{ port: left, formats: '0', attributes: ['rtpmap:0 PCMU/8000', 'ptime:20'] }, { port: right, formats: '0', attributes: ['rtpmap:0 PCMU/8000', 'ptime:20'] }], { user: 'CiscoSystemsSIP-GW-UserAgent', version }),
});

/** Cisco, built-in bridge: no SDP; the From says whose voice of which call this is. */
export const ciscoBib = (side: 'nearend' | 'farend', refci: string, guid: string, farAddr = '4006'): Said => ({
  headers: [
    `From: <sip:7001@192.0.2.28;x-${side};x-refci=${refci};x-nearendclusterid=Cluster1;x-nearenddevice=SEP408D5C;x-nearendaddr=7001;x-farendrefci=27757092;x-farendclusterid=Cluster1;x-farenddevice=SEP34735A;x-farendaddr=${farAddr}>`,
    'Contact: <sip:7001@[local_ip]:[local_port]>;isFocus', `Cisco-Guid: ${guid}`, 'Supported: timer,resource-priority,replaces', 'Supported: X-cisco-srtp-fallback', 'Session-Expires: 1800', 'Min-SE: 1800', 'Allow: INVITE, OPTIONS, INFO, BYE, CANCEL, ACK, PRACK, UPDATE, REFER, SUBSCRIBE, NOTIFY', 'Expires: 180',
  ],
});

/** The phone's answer to the recorder's offer, in the ACK. */
export const bibAnswer = (port: number): string => sdp([{ port, formats: '0', attributes: ['rtpmap:0 PCMU/8000', 'ptime:20'] }], { user: 'CiscoSystemsCCM-SIP' });
