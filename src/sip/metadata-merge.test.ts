import fc from 'fast-check';
import t from 'tap';
import { lacksBase, mergeMetadata } from './metadata-merge.js';
import { parseMetadata, type RecordingMetadata } from './siprec-metadata.js';
import { senderOf } from './stream-sender.js';

const document = (mode: 'complete' | 'partial', ...elements: readonly string[]): RecordingMetadata => {
  const read = parseMetadata(`<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>${mode}</datamode>${elements.join('')}</recording>`);
  if (typeof read === 'string') throw new Error(read);
  return read;
};
const person = (id: string, aor: string): string => `<participant participant_id="${id}"><nameID aor="${aor}"/></participant>`;
const sends = (id: string, stream: string, times = ''): string => `<participantstreamassoc participant_id="${id}"><send>${stream}</send>${times}</participantstreamassoc>`;
const stream = (id: string, label: string, mode = ''): string => `<stream stream_id="${id}" session_id="s"><label>${label}</label>${mode}</stream>`;
const ended = '<associate-time>2027-01-15T08:00:00Z</associate-time><disassociate-time>2027-01-15T08:05:00Z</disassociate-time>';
const resumed = '<associate-time>2027-01-15T08:06:00Z</associate-time><disassociate-time>2027-01-15T08:05:00Z</disassociate-time>';

const base = document('complete', '<session session_id="s"/>', person('a', 'sip:anna@x'), person('d', 'sip:ASBCE@asbce.com'), stream('sa', '10'), stream('sd', '20'), sends('a', 'sa'), sends('d', 'sd'));
const speakers = (metadata: RecordingMetadata): unknown => ['10', '20'].map((label) => senderOf(metadata, label)?.aor);

t.test('Avaya: the placeholder of the first INVITE becomes the real party, whichever way the UPDATE says it', (t) => {
  t.strictSame(speakers(base), ['sip:anna@x', 'sip:ASBCE@asbce.com']);
  const ways = {
    'the same participant with another address': document('partial', person('d', 'sip:bob@x')),
    'another participant that sends its stream': document('partial', person('b', 'sip:bob@x'), sends('b', 'sd')),
    'the placeholder leaves, another takes its stream': document('partial', person('b', 'sip:bob@x'), sends('b', 'sd'), `<participantsessionassoc participant_id="d" session_id="s">${ended}</participantsessionassoc>`),
    'called complete, though it lists but one': document('complete', person('d', 'sip:bob@x')),
    'all of it again': document('complete', '<session session_id="s"/>', person('a', 'sip:anna@x'), person('b', 'sip:bob@x'), stream('sa', '10'), stream('sd', '20'), sends('a', 'sa'), sends('b', 'sd')),
  };
  for (const [way, update] of Object.entries(ways)) t.strictSame(speakers(mergeMetadata(base, update)), ['sip:anna@x', 'sip:bob@x'], way);
  t.end();
});

t.test('a partial document changes what its ids name, and nothing else', (t) => {
  const named = mergeMetadata(base, document('partial', '<participant participant_id="a"><nameID aor="sip:anna@y"><name>Anna</name></nameID></participant>'));
  t.match(named.participants, [{ id: 'a', aor: 'sip:anna@y', name: 'Anna', sends: ['sa'] }, { id: 'd' }]);
  t.match(mergeMetadata(named, document('partial', person('a', 'sip:anna@z'))).participants, [{ aor: 'sip:anna@z', name: 'Anna' }]);
  t.match(mergeMetadata(base, document('partial', stream('sa', '11'))).streams, [{ id: 'sa', label: '11' }, { id: 'sd', label: '20' }]);
  t.match(mergeMetadata(base, document('partial', person('c', 'sip:carl@x'), stream('sc', '30'), sends('c', 'sc'))), { participants: [{}, {}, { id: 'c' }], streams: [{}, {}, { label: '30' }] }, 'a third party of a conference');
  t.end();
});

t.test('a mixed stream has several senders: who joins does not silence the others', (t) => {
  const mixed = document('complete', person('a', 'sip:anna@x'), stream('m', '1', '<mode>mixed</mode>'), sends('a', 'm'));
  const joined = mergeMetadata(mixed, document('partial', person('b', 'sip:bob@x'), sends('b', 'm')));
  t.match(joined.participants, [{ id: 'a', sends: ['m'] }, { id: 'b', sends: ['m'] }]);
  t.end();
});

t.test('a stream that is taken out is sent by nobody until it is taken in again, and its sender is still known', (t) => {
  const out = mergeMetadata(base, document('partial', sends('a', 'sa', ended)));
  t.match(out.participants[0], { id: 'a', aor: 'sip:anna@x', sends: [], stopped: ['sa'] });
  t.strictSame(speakers(out), ['sip:anna@x', 'sip:ASBCE@asbce.com']);
  for (const times of ['', resumed]) t.match(mergeMetadata(out, document('partial', sends('a', 'sa', times))).participants[0], { sends: ['sa'], stopped: [] });
  t.end();
});

t.test('a session that is out of the recording comes back by the same element', (t) => {
  const association = (times: string): string => `<sessionrecordingassoc session_id="s">${times}</sessionrecordingassoc>`;
  const out = mergeMetadata(base, document('partial', association(ended)));
  t.equal(out.paused, true);
  t.equal(mergeMetadata(out, document('partial', person('a', 'sip:a@x'))).paused, true, 'what says nothing of it leaves it');
  t.equal(mergeMetadata(out, document('partial', association(resumed))).paused, false);
  t.equal(mergeMetadata(out, base).paused, undefined);
  t.end();
});

t.test('a partial document makes sense only with what it changes', (t) => {
  t.ok(lacksBase(undefined, document('partial')));
  t.notOk(lacksBase(undefined, base));
  t.notOk(lacksBase(base, document('partial')));
  t.end();
});

t.test('documents without end, and those without ids, cost no more memory than the largest one', (t) => {
  let known: RecordingMetadata | undefined;
  for (let n = 0; n < 20; n += 1) known = mergeMetadata(known, document('partial', ...Array.from({ length: 100 }, (_, at) => person(at % 2 === 0 ? '' : `p${n}-${at}`, 'sip:x@y'))));
  t.ok((known?.participants.length ?? 0) <= 512);
  t.end();
});

t.test('any documents merge without a throw', (t) => {
  const id = fc.constantFrom('', 'a', 'b', 'c');
  const element = fc.tuple(fc.constantFrom('p', 'q', 's'), id, id).map(([kind, one, other]) => (kind === 'p' ? person(one, `sip:${other}@x`) : kind === 'q' ? sends(one, other) : stream(one, other)));
  const any = fc.tuple(fc.constantFrom('complete' as const, 'partial' as const), fc.array(element, { maxLength: 6 })).map(([mode, elements]) => document(mode, ...elements));
  fc.assert(fc.property(fc.array(any, { minLength: 1, maxLength: 4 }), (documents) => documents.reduce<RecordingMetadata | undefined>(mergeMetadata, undefined) !== undefined));
  t.end();
});
