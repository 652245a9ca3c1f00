import fc from 'fast-check';
import t from 'tap';
import { fromUtf8, toUtf8 } from './byte-text.js';

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
/** What an application that reads UTF-8 makes of it, and sends back. */
const throughAnApplication = (text: string): string => utf8(Buffer.from(text, 'latin1').toString('utf8'));

t.test('any bytes come back from an application that reads UTF-8', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => fromUtf8(throughAnApplication(toUtf8(latin1(bytes)))) === latin1(bytes)));
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => fromUtf8(throughAnApplication(toUtf8(utf8(text)))) === utf8(text)));
  t.end();
});

t.test('text is told as it is', (t) => {
  for (const text of ['INVITE sip:a@b SIP/2.0\r\n', 'Grüße', 'こんにちは', '😀']) t.equal(toUtf8(utf8(text)), utf8(text), text);
  t.end();
});

t.test('a byte that is no text is one character to an application', (t) => {
  const told = Buffer.from(toUtf8('a\xff\x80\xc3(\x00z'), 'latin1').toString('utf8');
  t.equal(told.length, 7);
  t.equal(told, 'a\uf7ff\uf780\uf7c3(\0z');
  t.end();
});

t.test('characters that stand for bytes come back as what they were', (t) => {
  t.equal(fromUtf8(toUtf8(utf8('\uf7a0 \uf77f'))), utf8('\uf7a0 \uf77f'));
  t.end();
});
