import fc from 'fast-check';
import t from 'tap';
import { ciscoGuidInGtd, newCiscoGuid, readCiscoGuid, sipCiscoGuid } from './cisco-guid.js';

t.test('in SIP it is four decimal words, in XMF hexadecimal in whatever groups: the same call', (t) => {
  const guid = '3fef1dc0f10911df80008ec1c0a8000a';
  t.equal(readCiscoGuid('1072635328-4043903455-2147520193-3232235530'), guid);
  for (const text of ['3FEF1DC0F10911DF80008EC1C0A8000A', '3FEF1DC0-F109-11DF-8000-8EC1C0A8000A', ' 3FEF1DC0 F10911DF 80008EC1 C0A8000A ']) t.equal(readCiscoGuid(text), guid);
  t.equal(sipCiscoGuid(guid), '1072635328-4043903455-2147520193-3232235530');
  t.equal(sipCiscoGuid('0000000100000002000000030000000a'), '0000000001-0000000002-0000000003-0000000010');
  t.end();
});

t.test('whatever is no GUID is none', (t) => {
  for (const text of ['', '1-2-3', '1-2-3-4-5', '4294967296-1-1-1', 'x'.repeat(32), '12345678901-1-1-1']) t.equal(readCiscoGuid(text), undefined, text);
  fc.assert(fc.property(fc.string(), (text) => /^[0-9a-f]{32}$/u.test(readCiscoGuid(text) ?? '0'.repeat(32))));
  t.end();
});

t.test('one of ours is read again, and is another each time', (t) => {
  const guids = Array.from({ length: 100 }, newCiscoGuid);
  for (const guid of guids) t.equal(readCiscoGuid(sipCiscoGuid(guid)), guid);
  t.equal(new Set(guids).size, 100);
  t.end();
});

t.test('a GTD tells it in its line GCI, others do not', (t) => {
  t.equal(ciscoGuidInGtd('IAM,\r\nGCI,91036128574411E789F9D0FF56C3C658\r\n'), '91036128574411e789f9d0ff56c3c658');
  t.equal(readCiscoGuid('2432917800-1464078823-2314850559-1455670872'), '91036128574411e789f9d0ff56c3c658', 'the same as in the header');
  for (const gtd of ['', 'IAM,', 'GCI,', 'GCI,12', 'XGCI,91036128574411e789f9d0ff56c3c658', 'GCI,91036128574411e789f9d0ff56c3c65800']) t.equal(ciscoGuidInGtd(gtd), undefined, gtd);
  t.end();
});
