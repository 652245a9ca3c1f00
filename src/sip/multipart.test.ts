import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';

import { anyText, cpuMs, holds, mutated } from './generated.fixture.js';
import { bodyRejects, encodeMultipart, readBody, type BodyPart } from './multipart.js';

const sdp = 'v=0\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\n';
const xml = '<?xml version="1.0"?>\r\n<recording/>\r\n';
const typed = 'multipart/mixed;boundary=cut';

const two = [
  'preamble', '--cut', 'Content-Type: application/sdp', '', 'v=0', 's=-', '--cut',
  'Content-Disposition: recording-session', 'Content-Type: application/rs-metadata+xml; charset=UTF-8', '', '<recording/>', '--cut--', 'epilogue', '',
].join('\r\n');

const read = (contentType: string | undefined, body: string): readonly BodyPart[] => {
  const parts = readBody(contentType, body);
  if (typeof parts === 'string') throw new Error(parts);
  return parts;
};
const brief = (parts: readonly BodyPart[]): string[][] => parts.map(({ contentType, content }) => [contentType, content]);

t.test('a body of one part is that part, its type without parameters', (t) => {
  t.strictSame(brief(read('Application/SDP; charset=x', sdp)), [['application/sdp', sdp]]);
  t.strictSame(brief(read(undefined, sdp)), [['application/sdp', sdp]], 'an SDP is known by its first line');
  t.end();
});

t.test('parts come without preamble, epilogue and the line end that is the delimiter\'s (RFC 2046 §5.1.1)', (t) => {
  const parts = read(typed, two);
  t.strictSame(brief(parts), [['application/sdp', 'v=0\r\ns=-'], ['application/rs-metadata+xml', '<recording/>']]);
  t.equal(parts[1]?.headers.get('content-disposition'), 'recording-session');
  t.equal(parts[1]?.headers.get('content-type'), 'application/rs-metadata+xml; charset=UTF-8');
  t.end();
});

t.test('the boundary may be quoted, spaced, in any case, undeclared, or the start of another', (t) => {
  for (const contentType of [
    'multipart/mixed; boundary="cut"', 'Multipart/Mixed ; charset=x ; Boundary = cut ; y=z', 'multipart/mixed', 'multipart/related;boundary=cut',
  ]) {
    t.equal(read(contentType, two).length, 2, contentType);
  }
  t.equal(read(undefined, two.slice('preamble\r\n'.length)).length, 2);
  t.strictSame(
    brief(read(typed, '--cut\r\n\r\n--cutter\r\n--cu\r\ntext\r\n--cut--')),
    [['text/plain', '--cutter\r\n--cu\r\ntext']],
  );
  t.equal(read('multipart/mixed;boundary="a b:c"', '--a b:c\r\nContent-Type: x/y\r\n\r\nz\r\n--a b:c--').length, 1);
  t.end();
});

t.test('LF line ends and spaces after a delimiter are tolerated', (t) => {
  const parts = read(typed, two.replaceAll('\r\n', '\n').replace('--cut--', '--cut-- ').replace('--cut\n', '--cut \t\n'));
  t.strictSame(brief(parts), [['application/sdp', 'v=0\ns=-'], ['application/rs-metadata+xml', '<recording/>']]);
  t.end();
});

t.test('a body that ends without the closing delimiter keeps its last part', (t) => {
  const parts = read(typed, two.slice(0, two.indexOf('\r\n--cut--')));
  t.strictSame(brief(parts)[1], ['application/rs-metadata+xml', '<recording/>']);
  t.end();
});

t.test('part headers may be folded, repeated, squeezed, missing, or lack the empty line after them', (t) => {
  const part = (...lines: string[]): BodyPart | undefined => read(typed, ['--cut', ...lines, '--cut--'].join('\r\n'))[0];
  t.equal(part('Content-Type:application/x;', '\tcharset=y', '', 'z')?.headers.get('content-type'), 'application/x; charset=y');
  t.equal(part('Content-Type: a/b', 'Content-type: c/d', '', 'z')?.contentType, 'a/b');
  t.strictSame(brief([part('', 'v=0', 's=-')!]), [['application/sdp', 'v=0\r\ns=-']]);
  t.strictSame(brief([part('Content-Type: application/sdp', 'v=0', 's=-')!]), [['application/sdp', 'v=0\r\ns=-']]);
  t.strictSame(brief([part('Content-Type: application/sdp')!]), [['application/sdp', '']]);
  t.end();
});

t.test('a Content-Length inside a part that is wrong does no harm', (t) => {
  const body = '--cut\r\nContent-Type:application/rs-metadata+xml\r\nContent-Length:2012\r\n\r\n<recording/>\r\n--cut--';
  t.strictSame(brief(read(typed, body)), [['application/rs-metadata+xml', '<recording/>']]);
  t.end();
});

t.test('the parts of one nested multipart stand in its place, a deeper one stays whole', (t) => {
  const deepest = encodeMultipart([{ contentType: 'a/deep', content: '3' }], 'three');
  const inner = encodeMultipart([{ contentType: 'a/b', content: '2' }, { contentType: deepest.contentType, content: deepest.body }], 'two');
  const outer = encodeMultipart([{ contentType: 'application/sdp', content: '1' }, { contentType: inner.contentType, content: inner.body }, { contentType: 'a/z', content: '4' }], 'one');
  t.strictSame(brief(read(outer.contentType, outer.body)), [
    ['application/sdp', '1'], ['a/b', '2'], ['multipart/mixed', deepest.body], ['a/z', '4'],
  ]);
  t.end();
});

t.test('what cannot be read is refused by reason', (t) => {
  const rejects: readonly (readonly [string | undefined, string, (typeof bodyRejects)[number]])[] = [
    ['application/sdp', '', 'empty'],
    [typed, '\r\n', 'empty'],
    ['application/sdp', 'x'.repeat(524_289), 'too-long'],
    [undefined, 'hello', 'unknown-type'],
    ['multipart/mixed', 'hello', 'no-boundary'],
    [typed, 'hello', 'no-parts'],
    [typed, '--cut--', 'no-parts'],
    [typed, '--cut\r\n\r\nx\r\n'.repeat(33), 'too-many-parts'],
  ];
  for (const [contentType, body, reason] of rejects) t.equal(readBody(contentType, body), reason, reason);
  t.strictSame([...new Set(rejects.map(([, , reason]) => reason))].sort(), [...bodyRejects].sort(), 'every reason occurs');
  t.end();
});

t.test('what is encoded is read back', (t) => {
  const line = fc.stringMatching(/^[ -~]{0,20}$/);
  const part = fc.record({
    contentType: fc.constantFrom('application/sdp', 'application/rs-metadata+xml', 'application/gtd'),
    disposition: fc.constantFrom('session;handling=required', 'recording-session'),
    content: fc.array(fc.oneof(line, fc.constantFrom('', '--', '--other', 'é')), { maxLength: 6 }).map((lines) => lines.join('\r\n')),
  });
  const boundary = fc.stringMatching(/^[A-Za-z0-9'()+_,./:=? -]{0,20}[A-Za-z0-9]{8}$/);
  holds(t, fc.tuple(fc.array(part, { minLength: 1, maxLength: 5 }), boundary), ([parts, cut]) => {
    if (parts.some(({ content }) => content.includes(`--${cut}`))) return true;
    const { contentType, body } = encodeMultipart(parts, cut);
    return isDeepStrictEqual(
      read(contentType, body).map(({ contentType, headers, content }) => ({ contentType, disposition: headers.get('content-disposition'), content })),
      parts.map((written) => ({ ...written })),
    );
  });
  t.end();
});

t.test('a boundary that occurs in a part, or a value that brings a header, is a bug', (t) => {
  t.throws(() => encodeMultipart([{ contentType: 'a/b', content: 'x\r\n--cut' }], 'cut'));
  t.throws(() => encodeMultipart([{ contentType: 'a/b\r\nX: y', content: '' }], 'cut'));
  t.throws(() => encodeMultipart([{ contentType: 'a/b', content: '' }], 'ends in space '));
  t.throws(() => encodeMultipart([], 'cut'));
  t.end();
});

t.test('no body and no Content-Type make the reader throw', (t) => {
  const types = fc.oneof(fc.constantFrom(undefined, typed, 'multipart/mixed', 'multipart/mixed;boundary=""'), anyText, mutated([typed]));
  holds(t, fc.tuple(types, fc.oneof(anyText, mutated([two, sdp + xml]))), ([contentType, body]) => {
    const parts = readBody(contentType, body);
    return typeof parts === 'string' ? bodyRejects.includes(parts) : parts.length > 0 && parts.length <= 32;
  }, 1_000);
  t.end();
});

t.test('hostile bodies of the greatest length are read in well below a second', (t) => {
  for (const body of ['\n'.repeat(524_288), '--cut\n'.repeat(80_000), `--cut\n${'a:b\n'.repeat(120_000)}`, `--cut\na: b\n${' c\n'.repeat(170_000)}`, '-'.repeat(524_288)]) {
    t.ok(cpuMs(() => [readBody(typed, body), readBody('multipart/mixed', body)]) < 800, JSON.stringify(body.slice(0, 20)));
  }
  t.end();
});
