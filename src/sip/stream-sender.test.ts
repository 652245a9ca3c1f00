import t from 'tap';

import type { MetadataParticipant, RecordingMetadata } from './siprec-metadata.js';
import { senderOf } from './stream-sender.js';

const participant = (name: string, ...sends: string[]): MetadataParticipant => ({ id: name, aor: `sip:${name}@x`, sends, receives: [] });
const metadata = (participants: MetadataParticipant[], ...streams: [id: string, label: string][]): RecordingMetadata => ({
  dataMode: 'complete', sessions: [], participants, streams: streams.map(([id, label]) => ({ id, label })),
});

t.test('ids decide, however participants and streams are ordered', (t) => {
  const crossed = metadata([participant('a', 'S2'), participant('b', 'S1')], ['S1', '1'], ['S2', '2']);
  t.strictSame(senderOf(crossed, '1'), { aor: 'sip:b@x' });
  t.strictSame(senderOf(crossed, '2'), { aor: 'sip:a@x' });
  t.end();
});

t.test('the name comes along', (t) => {
  t.strictSame(senderOf(metadata([{ ...participant('a', 'S'), name: 'Ann' }], ['S', '1']), '1'), { aor: 'sip:a@x', name: 'Ann' });
  t.end();
});

t.test('without associations the order decides, if there are as many of each', (t) => {
  t.equal(senderOf(metadata([participant('a'), participant('b')], ['S1', '10'], ['S2', '20']), '20')?.aor, 'sip:b@x');
  t.equal(senderOf(metadata([participant('a'), participant('b')], ['', '10'], ['', '20']), '10')?.aor, 'sip:a@x');
  t.equal(senderOf(metadata([participant('a'), participant('b')], ['S1', '1']), '1'), undefined, 'a mixed stream is nobody\'s');
  t.end();
});

t.test('with one association missing, who is left sends what is left', (t) => {
  const partial = metadata([participant('a', 'S2'), participant('b')], ['S1', '1'], ['S2', '2']);
  t.equal(senderOf(partial, '1')?.aor, 'sip:b@x');
  t.equal(senderOf(partial, '2')?.aor, 'sip:a@x');
  t.end();
});

t.test('associations with streams that the document lacks count as none', (t) => {
  t.equal(senderOf(metadata([participant('a', 'X'), participant('b', 'Y')], ['S1', '1'], ['S2', '2']), '2')?.aor, 'sip:b@x');
  t.end();
});

t.test('a mixed stream that several send is the first one\'s', (t) => {
  t.equal(senderOf(metadata([participant('a', 'M'), participant('b', 'M')], ['M', '1']), '1')?.aor, 'sip:a@x');
  t.end();
});

t.test('an unknown or empty label has no sender', (t) => {
  t.equal(senderOf(metadata([participant('a', 'S')], ['S', '1']), '2'), undefined);
  t.equal(senderOf(metadata([participant('a', 'S')], ['S', '']), ''), undefined);
  t.end();
});
