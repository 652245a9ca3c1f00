import fc from 'fast-check';
import t from 'tap';
import { readUcid } from './ucid.js';

t.test('one call has one UCID, whichever way a maker writes it', (t) => {
  const written = '00FA0800705D4C5DCAAC41';
  const ways = [
    '00FA0800705D4C5DCAAC41;encoding=hex',
    '04FA0800705D4C5DCAAC41;encoding=hex;purpose=isdn-uui',
    ' 00fa0800705d4c5dcaac41 ',
    // Behind another parameter of the shared format.
    `04C814${'35'.repeat(20)}FA0800705D4C5DCAAC41`,
    'FA0800705D4C5DCAAC41',
    '00705D4C5DCAAC41',
    '0x00705D4C5DCAAC41',
    // 0x0070, 0x5D4C and 0x5DCAAC41.
    '00112238841573563457',
  ];
  for (const way of ways) t.equal(readUcid(way), written, way);
  t.end();
});

t.test('what is no UCID is none', (t) => {
  for (const text of ['', 'FA08', '00FA08', '00FA0800705D4C5DCAAC', 'hello', '0000000000000000', '00FA080000000000000000', '99999999999999999999', '00FA07112233445566778899', '56a390f3d2b7310023a2;encoding=hex', '0'.repeat(2_000)]) {
    t.equal(readUcid(text), undefined, text);
  }
  t.end();
});

t.test('any text gives a UCID of the one form or none, and never throws', (t) => {
  const hex = fc.stringMatching(/^[0-9A-Fa-f]{0,80}$/u);
  fc.assert(fc.property(fc.oneof(fc.string(), hex, hex.map((text) => `00FA08${text}`)), (text) => {
    const ucid = readUcid(text);
    return ucid === undefined || (/^00FA08[0-9A-F]{16}$/u.test(ucid) && readUcid(ucid) === ucid);
  }));
  t.end();
});
