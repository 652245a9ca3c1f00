import t from 'tap';
import { readRecordingOffer } from './offer.js';
import { metadataOf, requestOf } from './request.fixture.js';
import { UnnamedPairs, unnamedSession, type UnnamedSession } from './unnamed-pairs.js';

const sdpOf = (ports: readonly number[], { address = '192.0.2.7', protocol = 'RTP/AVP' } = {}): string =>
  ['v=0', `o=- 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0', ...ports.map((port) => `m=audio ${port} ${protocol} 0`), ''].join('\r\n');

interface Given {
  readonly source?: string;
  readonly sdp?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly metadata?: string;
  readonly configuredHeader?: string;
}

/** What a recorder makes of an INVITE of this Call-ID. */
function sessionOf(callId: string, { source = '192.0.2.5', sdp = sdpOf([4_000]), headers = {}, metadata, configuredHeader }: Given = {}): UnnamedSession | undefined {
  const request = { ...requestOf(metadata, headers, sdp), callId };
  const offer = readRecordingOffer(request);
  if (typeof offer === 'string') throw new Error(offer);
  return unnamedSession({ ...offer, request, configuredHeader }, offer, { source, sessionId: callId });
}

/** Of one line from this port. */
function lineFrom(port: number, given: Omit<Given, 'sdp'> & { readonly address?: string } = {}): UnnamedSession {
  const { address, ...more } = given;
  const session = sessionOf(`from-${port}`, { ...more, sdp: sdpOf([port], address === undefined ? {} : { address }) });
  if (session === undefined) throw new Error('it has a name');
  return session;
}

const paired = (sessionId: string, role: 'caller' | 'callee') => ({ sessionId, roles: new Map([[0, role]]) });

t.test('two sessions without a name, from neighbouring ports of one address, are one call: the first is the caller\'s', (t) => {
  for (const [first, second] of [[4_000, 4_002], [4_002, 4_000], [4_000, 4_004], [4_004, 4_000]] as const) {
    const pairs = new UnnamedPairs();
    t.equal(pairs.enter(lineFrom(first), 0), undefined);
    t.strictSame(pairs.enter(lineFrom(second), 2_000), paired(`from-${first}`, 'callee'), `${first} and ${second}`);
    t.equal(pairs.size, 0, 'and neither is remembered');
  }
  t.end();
});

t.test('whose voice the first brings may be told by its metadata: the second then has the other side', (t) => {
  const heardByCaller = [
    '<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode>', '<participant participant_id="a"><nameID aor="sip:a@x.example"/></participant>', '<participant participant_id="b"><nameID aor="sip:b@x.example"/></participant>',
    '<stream stream_id="s"><label>1</label></stream>', '<participantstreamassoc participant_id="a"><recv>s</recv></participantstreamassoc>', '<participantstreamassoc participant_id="b"><send>s</send></participantstreamassoc>', '</recording>',
  ].join('');
  const first = sessionOf('callee', { metadata: heardByCaller, sdp: `${sdpOf([4_000])}a=label:1\r\n` });
  t.match(first, { role: 'callee' });
  const pairs = new UnnamedPairs();
  if (first !== undefined) pairs.enter(first, 0);
  t.strictSame(pairs.enter(lineFrom(4_002), 10), paired('callee', 'caller'));
  t.end();
});

t.test('more than two seconds apart they are two calls', (t) => {
  const pairs = new UnnamedPairs();
  pairs.enter(lineFrom(4_000), 0);
  t.equal(pairs.enter(lineFrom(4_002), 2_001), undefined);
  t.equal(pairs.size, 1, 'the one that is too old is forgotten');
  t.end();
});

t.test('of another SIP source, or with media from another address, they are two calls', (t) => {
  const pairs = new UnnamedPairs();
  pairs.enter(lineFrom(4_000), 0);
  t.equal(pairs.enter(lineFrom(4_002, { source: '192.0.2.6' }), 0), undefined);
  t.equal(pairs.enter(lineFrom(4_002, { address: '192.0.2.8' }), 0), undefined);
  t.strictSame(pairs.enter(lineFrom(4_002), 0), paired('from-4000', 'callee'), 'those are no candidates for the right one either');
  t.end();
});

t.test('ports that are no neighbours are of two calls', (t) => {
  for (const port of [4_000, 4_001, 4_003, 4_006, 3_994]) {
    const pairs = new UnnamedPairs();
    pairs.enter(lineFrom(4_000), 0);
    t.equal(pairs.enter(lineFrom(port), 0), undefined, String(port));
  }
  t.end();
});

t.test('with two that would do nobody is paired, now or with whoever comes next to one of them', (t) => {
  const pairs = new UnnamedPairs();
  for (const port of [4_000, 4_008, 4_004]) t.equal(pairs.enter(lineFrom(port), 0), undefined, String(port));
  for (const port of [3_998, 4_010, 4_006]) t.equal(pairs.enter(lineFrom(port), 0), undefined, String(port));
  t.strictSame([pairs.enter(lineFrom(5_000), 0), pairs.enter(lineFrom(5_002), 0)], [undefined, paired('from-5000', 'callee')], 'others are not concerned');
  t.end();
});

t.test('a third one does not join two that are paired; it waits for a half of its own', (t) => {
  const pairs = new UnnamedPairs();
  pairs.enter(lineFrom(4_000), 0);
  pairs.enter(lineFrom(4_002), 0);
  t.equal(pairs.enter(lineFrom(4_004), 0), undefined);
  t.strictSame(pairs.enter(lineFrom(4_006), 0), paired('from-4004', 'callee'));
  t.end();
});

t.test('one that has ended or was refused pairs with nobody', (t) => {
  const pairs = new UnnamedPairs();
  const gone = lineFrom(4_000);
  pairs.enter(gone, 0);
  pairs.leave(gone);
  t.equal(pairs.enter(lineFrom(4_002), 0), undefined);
  t.end();
});

t.test('whatever names the call, the session is not without a name', (t) => {
  const uuid = 'a'.repeat(32);
  const named: Readonly<Record<string, Given>> = {
    'Session-ID': { headers: { 'session-id': `${uuid};remote=${'0'.repeat(32)}` } },
    UCID: { headers: { 'user-to-user': '00FA0800705D4C5DCAAC41;encoding=hex' } },
    'Cisco-Guid': { headers: { 'cisco-guid': '2432917800-1464078823-2314850559-1455670872' } },
    'x-refci': { headers: { from: '<sip:7001@cucm;x-nearend;x-refci=27757093;x-nearendclusterid=c1>;tag=1' } },
    'X-AUDC-CALL-ID': { headers: { 'x-audc-call-id': 'audc-1' } },
    'AC-SESSION-ID': { headers: { 'ac-session-id': 'ac-2' } },
    'X-Genesys-CallUUID': { headers: { 'x-genesys-calluuid': '4BOKLLA3VH66JF112M1CC9VHKS14F0KP' } },
    'a session of the metadata': { metadata: metadataOf([], 's1') },
    'a group of the metadata': { metadata: '<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode><group group_id="g1"/></recording>' },
    'the configured header': { headers: { 'x-own': 'own-3' }, configuredHeader: 'X-Own' },
  };
  for (const [name, given] of Object.entries(named)) t.equal(sessionOf('call', given), undefined, name);
  t.match(sessionOf('call', { headers: { 'session-id': `${'0'.repeat(32)};remote=${'0'.repeat(32)}`, 'x-own': 'own-3' } }), { sessionId: 'call' }, 'a nil Session-ID names nothing, nor does a header that nobody named');
  t.end();
});

t.test('of two lines, of none, over WebSocket, or without an address it is nobody\'s half', (t) => {
  const socket = ['v=0', 'o=- 1 1 IN IP4 192.0.2.7', 's=-', 'c=IN IP4 192.0.2.7', 't=0 0', 'm=audio 4000 TCP/WS 96', 'a=rtpmap:96 L16/8000', ''].join('\r\n');
  const others = { 'two lines': sdpOf([4_000, 4_002]), 'no line': sdpOf([0]), WebSocket: socket, 'on hold by RFC 2543': sdpOf([4_000], { address: '0.0.0.0' }), 'no SDP': ' ' };
  for (const [name, sdp] of Object.entries(others)) t.equal(sessionOf('call', { sdp }), undefined, name);
  t.match(sessionOf('call', { sdp: sdpOf([0, 4_002]) }), { port: 4_002, index: 1 }, 'a line that is refused is none');
  t.match(sessionOf('call', { sdp: sdpOf([4_000], { protocol: 'RTP/SAVP' }) }), { port: 4_000, role: 'caller' });
  t.end();
});

t.test('under a storm no more than two thousand are remembered, the youngest', (t) => {
  const pairs = new UnnamedPairs();
  for (let n = 0; n < 3_000; n += 1) pairs.enter(lineFrom(10_000 + 6 * n), 0);
  t.equal(pairs.size, 2_000);
  t.equal(pairs.enter(lineFrom(10_002), 1), undefined, 'the oldest is forgotten');
  t.match(pairs.enter(lineFrom(10_000 + 6 * 2_999 + 2), 1), { sessionId: `from-${10_000 + 6 * 2_999}` });
  t.end();
});
