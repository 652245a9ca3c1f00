import t from 'tap';
import { parseMetadata, type RecordingMetadata } from '../sip/index.js';
import { readRecordingOffer } from './offer.js';
import { metadataOf, requestOf } from './request.fixture.js';
import { sessionIdsOf } from './session-identity.js';

const uuid = (digit: string): string => digit.repeat(32);

function idsOf(metadata: string | undefined, headers: Readonly<Record<string, string>> = {}, more: { callId?: string; configuredHeader?: string; gtd?: string } = {}): readonly string[] {
  const request = { ...requestOf(metadata, headers), ...(more.callId === undefined ? {} : { callId: more.callId }) };
  const offer = readRecordingOffer(request);
  if (typeof offer === 'string') throw new Error(offer);
  const parts = more.gtd === undefined ? offer.parts : [...offer.parts, { contentType: 'application/gtd', headers: new Map(), content: more.gtd }];
  return sessionIdsOf({ request, parts, metadata: offer.metadata, bridge: offer.bridge, configuredHeader: more.configuredHeader });
}

t.test("the session ID is the communication session's by RFC 7989, before all else", (t) => {
  const header = { 'session-id': `${uuid('b')};remote=${uuid('0')}`, 'cisco-guid': '1-2-3-4' };
  t.strictSame(idsOf(metadataOf([`${uuid('a')};remote=${uuid('0')}`]), header), [uuid('a')]);
  t.strictSame(idsOf(metadataOf(['no-uuid', uuid('d')]), header), [uuid('d')], 'the first that is one');
  t.strictSame(idsOf(metadataOf([`${uuid('0')};remote=${uuid('a')}`]), header), [uuid('b')], 'nil is none');
  t.strictSame(idsOf(metadataOf([]), header), [uuid('b')]);
  t.end();
});

t.test('RFC 7989: both halves name one call, whichever side sends them', (t) => {
  const both = [uuid('a'), uuid('c')];
  t.strictSame(idsOf(metadataOf([`${uuid('a')};remote=${uuid('c')}`])), both);
  t.strictSame(idsOf(metadataOf([`${uuid('c')};remote=${uuid('a')}`])), both);
  const ours = parseMetadata(metadataOf([`${uuid('c')};remote=${uuid('a')}`])) as RecordingMetadata;
  const request = requestOf(undefined);
  const control = { keep: true, pauses: [], said: [], tags: {} };
  t.strictSame(sessionIdsOf({ request, parts: [], metadata: { ...ours, control }, bridge: undefined, configuredHeader: undefined }), [uuid('c')], 'a client of ours says which half its ledger has');
  t.end();
});

t.test('without one, the next trustworthy thing that is there', (t) => {
  const headers: Record<string, string> = {
    'user-to-user': '00FA0800705D4C5DCAAC41;encoding=hex', 'cisco-guid': '2432917800-1464078823-2314850559-1455670872', 'x-audc-call-id': 'audc-1', 'ac-session-id': 'ac-2',
    'x-genesys-calluuid': '4BOKLLA3VH66JF112M1CC9VHKS14F0KP', 'x-own': 'own-3',
  };
  const metadata = metadataOf([], 's1', 'g1');
  const order = [['user-to-user', '00FA0800705D4C5DCAAC41'], ['cisco-guid', '91036128574411e789f9d0ff56c3c658'], ['x-audc-call-id', 'audc-1'], ['ac-session-id', 'ac-2'], ['x-genesys-calluuid', '4BOKLLA3VH66JF112M1CC9VHKS14F0KP']] as const;
  for (const [name, id] of order) {
    t.strictSame(idsOf(metadata, headers, { configuredHeader: 'X-Own' }), [id], name);
    Reflect.deleteProperty(headers, name);
  }
  t.strictSame(idsOf(metadata, headers, { configuredHeader: 'X-Own' }), ['g1'], 'the group, which survives a transfer');
  t.strictSame(idsOf(metadataOf([], 's1'), headers, { configuredHeader: 'X-Own' }), ['s1']);
  t.strictSame(idsOf(undefined, headers, { configuredHeader: 'X-Own' }), ['own-3']);
  t.strictSame(idsOf(undefined, headers), ['call-1@src'], 'a header that nobody names is none');
  t.end();
});

t.test('a UCID is one wherever it stands, a GUID too', (t) => {
  const ucid = '00FA0800705D4C5DCAAC41';
  t.strictSame(idsOf(metadataOf([], ucid)), [ucid], "as Avaya's session id");
  t.strictSame(idsOf(metadataOf([]).replace('</recording>', '<x:extensiondata xmlns:x="http://acmepacket.com/siprec/extensiondata"><x:ucid>00705D4C5DCAAC41</x:ucid></x:extensiondata></recording>')), [ucid]);
  t.strictSame(idsOf(undefined, {}, { gtd: 'IAM,\r\nGCI,91036128574411e789f9d0ff56c3c658\r\n' }), ['91036128574411e789f9d0ff56c3c658']);
  t.strictSame(idsOf(undefined, { 'user-to-user': 'no;encoding=hex, 04FA0800705D4C5DCAAC41;encoding=hex' }), [ucid], 'the second of two');
  t.end();
});

t.test("Genesys' ID of the call is taken out of AudioCodes' metadata as out of the header; what is none is not", (t) => {
  const uuid = '4BOKLLA3VH66JF112M1CC9VHKS14F0KP';
  const handedOn = metadataOf([], 's1', 'g1').replace('</recording>', `<ac:GenesysUUID xmlns="urn:ietf:params:xml:ns:Genesys">${uuid}</ac:GenesysUUID></recording>`);
  t.strictSame(idsOf(handedOn), [uuid]);
  t.strictSame(idsOf(handedOn, { 'x-audc-call-id': 'audc-1' }), ['audc-1']);
  t.strictSame(idsOf(undefined, { 'x-genesys-calluuid': uuid }), [uuid], 'the same call, whoever tells it');
  t.strictSame(idsOf(metadataOf([], 's1'), { 'x-genesys-calluuid': 'none' }), ['s1']);
  t.end();
});

t.test('both calls of a built-in bridge are one, though each has a GUID and a Session-ID of its own', (t) => {
  const call = (side: string, digit: string): readonly string[] =>
    idsOf(undefined, { from: `<sip:7001@cucm;x-${side};x-refci=27757093;x-nearendclusterid=c1;x-farendaddr=4006>;tag=1`, 'session-id': `${uuid(digit)};remote=${uuid('0')}`, 'cisco-guid': `1-2-3-${digit}` });
  t.strictSame(call('nearend', '1'), ['27757093@c1']);
  t.strictSame(call('farend', '2'), ['27757093@c1']);
  t.end();
});

t.test('an ID that no file name could hold is known by its digest, the same each time', (t) => {
  const callId = 'c'.repeat(129);
  const [id = ''] = idsOf(undefined, {}, { callId });
  t.match(id, /^[0-9a-f]{64}$/);
  t.strictSame(idsOf(undefined, {}, { callId }), [id]);
  t.not(idsOf(undefined, {}, { callId: `${callId}c` })[0], id);
  t.strictSame(idsOf(undefined, {}, { callId: 'c'.repeat(128) }), ['c'.repeat(128)]);
  t.end();
});
