import t from 'tap';
import { parseMetadata, readSdp, type RecordingMetadata, type SdpMedia } from '../sip/index.js';
import { partiesOf, type Described } from './line-parties.js';
import { metadataOf, twoLines } from './request.fixture.js';

const linesOf = (sdp: string): readonly SdpMedia[] => {
  const read = readSdp(sdp);
  return typeof read === 'string' ? [] : read.media;
};
const metadata = (xml: string): RecordingMetadata => {
  const read = parseMetadata(xml);
  if (typeof read === 'string') throw new Error(read);
  return read;
};
const told = (described: Described, sdp = twoLines): unknown => partiesOf(described, linesOf(sdp)).map(({ role, party }) => [role, party]);
const [anna, bob] = ['sip:anna@example.net', 'sip:bob@example.net'];

t.test('the party of a line is who sends the stream of its label', (t) => {
  t.strictSame(told({ metadata: metadata(metadataOf([])) }), [['caller', anna], ['callee', bob]]);
  t.strictSame(told({ metadata: metadata(metadataOf([])) }, twoLines.replace('label:1', 'label:x').replace('label:2', 'label:1').replace('label:x', 'label:2')), [['caller', bob], ['callee', anna]]);
  t.strictSame(told({ metadata: metadata(metadataOf([])) }, twoLines.replace('label:2', 'label:9')), [['caller', anna], ['callee', '']], 'of a label that nothing describes nobody');
  t.strictSame(told({}), [['caller', ''], ['callee', '']]);
  t.end();
});

t.test('lines without labels are in the order of the streams, where there are as many', (t) => {
  const bare = twoLines.replace(/a=label:\d\r\n/gu, '');
  t.strictSame(told({ metadata: metadata(metadataOf([])) }, bare), [['caller', bob], ['callee', anna]], 'the streams stand in this order');
  t.strictSame(told({ metadata: metadata(metadataOf([])) }, `${bare}m=audio 4004 RTP/AVP 0\r\n`), [['caller', ''], ['callee', ''], ['other', '']]);
  t.end();
});

t.test('who called is believed to whoever says it: Oracle marks the participant, Ribbon repeats the From', (t) => {
  const marked = metadataOf([]).replace('</recording>', '<participant participant_id="b"><e:extensiondata xmlns:e="http://acmepacket.com/siprec/extensiondata"><e:callingParty>true</e:callingParty></e:extensiondata></participant></recording>');
  t.strictSame(told({ metadata: metadata(marked) }), [['callee', anna], ['caller', bob]]);
  const ribbon = metadataOf([]).replace('</recording>', '<callData xmlns="urn:ietf:params:xml:ns:callData"><fromhdr>"B" &lt;sip:bob@192.0.2.1&gt;;tag=1</fromhdr></callData></recording>');
  t.strictSame(told({ metadata: metadata(ribbon) }), [['callee', anna], ['caller', bob]]);
  t.end();
});

t.test('Cisco NBR: the header names who is on which line', (t) => {
  t.strictSame(told({ participants: new Map([[1, 'sip:2@h'], [0, 'sip:1@h']]) }), [['caller', 'sip:1@h'], ['callee', 'sip:2@h']]);
  t.end();
});

t.test('Cisco BIB: the near end stands left, the far end right', (t) => {
  const bridge = { side: 'near', refci: '1', cluster: 'c', nearUri: 'sip:near@h', farUri: 'sip:far@h' } as const;
  const one = twoLines.replace(/m=audio 4002[\s\S]*/u, '');
  t.strictSame(told({ bridge }, one), [['caller', 'sip:near@h']]);
  t.strictSame(told({ bridge: { ...bridge, side: 'far' } }, one), [['callee', 'sip:far@h']]);
  t.end();
});

t.test('what the metadata take out of the recording is paused: a session, or one stream', (t) => {
  const over = '<associate-time>2027-01-15T08:00:00Z</associate-time><disassociate-time>2027-01-15T08:01:00Z</disassociate-time>';
  const pausedIn = (xml: string): unknown => partiesOf({ metadata: metadata(xml) }, linesOf(twoLines)).map(({ party, paused }) => [party, paused]);
  const session = metadataOf([]).replace(/(<sessionrecordingassoc[^>]*>).*?(<\/sessionrecordingassoc>)/su, `$1${over}$2`);
  t.strictSame(pausedIn(session), [[anna, true], [bob, true]]);
  const stream = metadataOf([]).replace(/(<participantstreamassoc participant_id="a">.*?)<associate-time>.*?<\/associate-time>/su, `$1${over}`);
  t.strictSame(pausedIn(stream), [[anna, true], [bob, false]], 'whose voice it was is still known');
  t.end();
});
