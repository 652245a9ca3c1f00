import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';

import { encodeMetadata, newMetadataId, type MetadataTimes } from './encode-metadata.js';
import { anyText, cpuMs, holds, mutated } from './generated.fixture.js';
import { metadataRejects, parseMetadata, type RecordingMetadata } from './siprec-metadata.js';

const read = (xml: string): RecordingMetadata => {
  const metadata = parseMetadata(xml);
  if (typeof metadata === 'string') throw new Error(metadata);
  return metadata;
};

const full: RecordingMetadata & MetadataTimes = {
  dataMode: 'complete',
  groupId: 'Z3JvdXA=',
  sessions: [{ id: 'c2Vzc2lvbg==', groupId: 'Z3JvdXA=', sipSessionIds: ['ab;remote=cd'], startedAt: '2026-03-04T05:06:07.089Z' }],
  participants: [
    { id: 'cDE=', aor: 'sip:ann@a.example', name: 'Ann <A> & "Co"', sends: ['czE='], receives: ['czI='] },
    { id: 'cDI=', aor: 'tel:+15551234', sends: ['czI='], receives: ['czE='] },
  ],
  streams: [
    { id: 'czE=', label: '1', sessionId: 'c2Vzc2lvbg==' },
    { id: 'czI=', label: '2', sessionId: 'c2Vzc2lvbg==' },
  ],
  associatedAt: '2026-03-04T05:06:07.100Z',
};

t.test('a document has the elements of RFC 7865 in the order of its schema', (t) => {
  t.equal(
    encodeMetadata({ ...full, stoppedAt: '2026-03-04T05:10:00Z' }),
    [
      '<?xml version="1.0" encoding="UTF-8"?>',
      '<recording xmlns="urn:ietf:params:xml:ns:recording:1">',
      '<datamode>complete</datamode>',
      '<group group_id="Z3JvdXA="><associate-time>2026-03-04T05:06:07.100Z</associate-time></group>',
      '<session session_id="c2Vzc2lvbg=="><sipSessionID>ab;remote=cd</sipSessionID><group-ref>Z3JvdXA=</group-ref>' +
        '<start-time>2026-03-04T05:06:07.089Z</start-time><stop-time>2026-03-04T05:10:00Z</stop-time></session>',
      '<participant participant_id="cDE="><nameID aor="sip:ann@a.example"><name>Ann &lt;A&gt; &amp; &quot;Co&quot;</name></nameID></participant>',
      '<participant participant_id="cDI="><nameID aor="tel:+15551234"/></participant>',
      '<stream stream_id="czE=" session_id="c2Vzc2lvbg=="><label>1</label></stream>',
      '<stream stream_id="czI=" session_id="c2Vzc2lvbg=="><label>2</label></stream>',
      '<sessionrecordingassoc session_id="c2Vzc2lvbg=="><associate-time>2026-03-04T05:06:07.100Z</associate-time></sessionrecordingassoc>',
      '<participantsessionassoc participant_id="cDE=" session_id="c2Vzc2lvbg=="><associate-time>2026-03-04T05:06:07.100Z</associate-time></participantsessionassoc>',
      '<participantsessionassoc participant_id="cDI=" session_id="c2Vzc2lvbg=="><associate-time>2026-03-04T05:06:07.100Z</associate-time></participantsessionassoc>',
      '<participantstreamassoc participant_id="cDE="><send>czE=</send><recv>czI=</recv><associate-time>2026-03-04T05:06:07.100Z</associate-time></participantstreamassoc>',
      '<participantstreamassoc participant_id="cDI="><send>czI=</send><recv>czE=</recv><associate-time>2026-03-04T05:06:07.100Z</associate-time></participantstreamassoc>',
      '</recording>',
      '',
    ].join('\r\n'),
  );
  t.end();
});

t.test('what is encoded is read back', (t) => {
  const id = fc.base64String({ minLength: 4, maxLength: 24 });
  const word = fc.stringMatching(/^[!-~é😀]([ -~]{0,15}[!-~])?$/u);
  const ids = fc.uniqueArray(id, { maxLength: 3 });
  const options = { noNullPrototype: true };
  const session = fc.record(
    { id, groupId: id, sipSessionIds: fc.array(word, { maxLength: 2 }), startedAt: word },
    { requiredKeys: ['id', 'sipSessionIds', 'startedAt'], ...options },
  );
  const participant = fc.record(
    { id, aor: word.map((user) => `sip:${user.replaceAll(/[<>]/g, '')}@x`), name: word, sends: ids, receives: ids },
    { requiredKeys: ['id', 'aor', 'sends', 'receives'], ...options },
  );
  const stream = fc.record({ id, label: word, sessionId: id }, { requiredKeys: ['id', 'label'], ...options });
  const metadata = fc.record(
    {
      dataMode: fc.constantFrom('complete' as const, 'partial' as const, undefined),
      groupId: id,
      sessions: fc.array(session, { maxLength: 3 }),
      participants: fc.uniqueArray(participant, { maxLength: 4, selector: (one) => one.id }),
      streams: fc.array(stream, { maxLength: 4 }),
    },
    options,
  );
  // A partial document whose sessions are tied to the recording says that they are in it.
  const meant = (value: RecordingMetadata): RecordingMetadata => (value.dataMode === 'partial' && value.sessions.length > 0 ? { ...value, paused: false } : value);
  holds(t, metadata, (value) => isDeepStrictEqual(read(encodeMetadata({ ...value, associatedAt: 'now' })), meant(value)), 300);
  t.end();
});

t.test('a new id is a version 4 UUID in base64 (RFC 7865 §6.10)', (t) => {
  t.equal(newMetadataId((bytes) => Buffer.alloc(bytes, 0xff)), '////////T/+//////////w==');
  t.end();
});

t.test('an element without an id is a bug', (t) => {
  t.throws(() => encodeMetadata({ ...full, streams: [{ id: '', label: '1' }] }));
  t.end();
});

t.test('ids may be called id, session may be an attribute, names may be prefixed, in any known or unknown namespace', (t) => {
  const document = (open: string, p: string): string =>
    `<${p}${open}><${p}dataMode>Complete</${p}dataMode><${p}session id="S"><${p}associate-time>2026-01-01T00:00:00</${p}associate-time></${p}session>` +
    `<${p}participant id="P" session="S"><${p}nameID aor="sip:1@x"/><${p}send>T</${p}send></${p}participant>` +
    `<${p}stream id="T" session="S"><${p}label>7</${p}label></${p}stream></${p}${open.split(' ')[0] ?? ''}>`;
  const expected = {
    dataMode: 'complete',
    sessions: [{ id: 'S', sipSessionIds: [], startedAt: '2026-01-01T00:00:00' }],
    participants: [{ id: 'P', aor: 'sip:1@x', sends: ['T'], receives: [] }],
    streams: [{ id: 'T', label: '7', sessionId: 'S' }],
  };
  for (const xml of [
    document('recording xmlns="urn:ietf:params:xml:ns:recording:1"', ''),
    document('recording xmlns="urn:ietf:params:xml:ns:recording"', ''),
    document('recording_metadata xmlns="urn:ietf:params:xml:ns:siprec"', ''),
    document('recording', ''),
    document('recording xmlns:rm="urn:ietf:params:xml:ns:recording:1"', 'rm:'),
    document('recording', 'undeclared:'),
  ]) {
    t.strictSame(parseMetadata(xml), expected, xml.slice(0, 60));
  }
  t.end();
});

t.test('an extension that borrows our names is not taken for ours', (t) => {
  const metadata = read(
    '<recording xmlns="urn:ietf:params:xml:ns:recording:1" xmlns:v="http://vendor.example">' +
      '<participant participant_id="P"><nameID aor="sip:1@x"/><extensiondata><v:stream id="no"/><stream id="no"/></extensiondata></participant>' +
      '<v:participant id="no"/><stream xmlns="urn:other" id="no"/></recording>',
  );
  t.strictSame(metadata.participants.map(({ id }) => id), ['P']);
  t.strictSame(metadata.streams, []);
  t.end();
});

t.test('associations may be repeated, empty, or hold an id element', (t) => {
  const { participants } = read(
    '<recording><participant participant_id="P"><nameID aor="sip:1@x"/></participant><participant participant_id="P"><nameID aor="sip:1@x"><name>One</name></nameID></participant>' +
      '<participantstreamassoc participant_id="P"><send><id>A</id></send><send>A</send></participantstreamassoc>' +
      '<participantstreamassoc participant_id="P"><send id="B"/><recv>C</recv><send/></participantstreamassoc><participantstreamassoc participant_id="P"/></recording>',
  );
  t.strictSame(participants, [{ id: 'P', aor: 'sip:1@x', name: 'One', sends: ['A', 'B'], receives: ['C'] }]);
  t.end();
});

t.test('a participant listed for each of its sessions is one, with the streams of all', (t) => {
  const listed = (stream: string): string => `<participant id="P"><nameID aor="sip:1@x"/><send>${stream}</send></participant>`;
  t.strictSame(read(`<recording>${listed('A')}${listed('B')}</recording>`).participants.map(({ sends }) => sends), [['A', 'B']]);
  t.end();
});

t.test('empty ids stay apart and associate with nothing', (t) => {
  const { participants, streams } = read(
    '<recording><participant participant_id=""><nameID aor="sip:1@x"/></participant><participant><nameID aor="sip:2@x"/></participant>' +
      '<participantstreamassoc participant_id=""><send>A</send></participantstreamassoc><stream stream_id="" session_id=""><label>1</label></stream></recording>',
  );
  t.strictSame(participants.map(({ aor, sends }) => [aor, sends]), [['sip:1@x', []], ['sip:2@x', []]]);
  t.strictSame(streams, [{ id: '', label: '1' }]);
  t.end();
});

t.test('an aor without a scheme becomes a sip URI, wherever it stands', (t) => {
  const aorOf = (content: string): string | undefined => read(`<recording><participant>${content}</participant></recording>`).participants[0]?.aor;
  t.equal(aorOf('<nameID aor="Extension-7@x.example"/>'), 'sip:Extension-7@x.example');
  t.equal(aorOf('<nameID aor="5551234@192.0.2.1:5060"/>'), 'sip:5551234@192.0.2.1:5060');
  t.equal(aorOf('<nameID aor="tel:+1555"/>'), 'tel:+1555');
  t.equal(aorOf('<nameID aor="&quot;A&quot; &lt;sips:a@x&gt;;tag=1"/>'), 'sips:a@x');
  t.equal(aorOf('<aor> sip:b@x;user=phone </aor>'), 'sip:b@x;user=phone');
  t.equal(aorOf('<nameID>sip:c@x</nameID>'), 'sip:c@x');
  t.equal(aorOf(''), '');
  t.end();
});

t.test('a document that says nothing is an empty one, what is none is refused by reason', (t) => {
  t.strictSame(parseMetadata('<recording_metadata xmlns="urn:ietf:params:xml:ns:siprec">completeSRC2026</recording_metadata>'), {
    dataMode: undefined, sessions: [], participants: [], streams: [],
  });
  t.equal(parseMetadata('<html/>'), 'not-metadata');
  t.equal(parseMetadata(''), 'empty');
  t.equal(parseMetadata('<recording>'), 'malformed');
  t.equal(parseMetadata('<!DOCTYPE recording><recording/>'), 'doctype');
  t.equal(parseMetadata(`<recording>${'<stream/>'.repeat(513)}</recording>`), 'too-many-elements');
  t.equal(parseMetadata(`<recording>${' '.repeat(262_144)}</recording>`), 'too-long');
  t.equal(parseMetadata('<recording>'.repeat(17) + '</recording>'.repeat(17)), 'too-deep');
  t.end();
});

t.test('no text makes the reader throw', (t) => {
  holds(t, fc.oneof(anyText, mutated([encodeMetadata(full)])), (text) => {
    const metadata = parseMetadata(text);
    return typeof metadata === 'string' ? metadataRejects.includes(metadata) : metadata.streams.length <= 512;
  }, 1_000);
  t.end();
});

t.test('512 participants with an association each are read in well below a second', (t) => {
  const many = Array.from({ length: 512 }, (_, index) => String(index));
  const xml = `<recording>${many.map((id) => `<participant participant_id="${id}"/>`).join('')}${many
    .map((id) => `<participantstreamassoc participant_id="${id}"><send>${id}</send></participantstreamassoc>`).join('')}</recording>`;
  t.equal(read(xml).participants.at(-1)?.sends[0], '511');
  t.ok(cpuMs(() => parseMetadata(xml)) < 800);
  t.end();
});
