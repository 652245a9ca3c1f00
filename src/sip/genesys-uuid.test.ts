import fc from 'fast-check';
import t from 'tap';
import { readGenesysUuid } from './genesys-uuid.js';

t.test("Genesys' CallUUID is 32 digits and letters, whatever stands around it", (t) => {
  for (const text of ['4BOKLLA3VH66JF112M1CC9VHKS14F0KP', ' 4BOKLLA3VH66JF112M1CC9VHKS14F0KP\r\n']) t.equal(readGenesysUuid(text), '4BOKLLA3VH66JF112M1CC9VHKS14F0KP');
  t.end();
});

t.test('whatever is none is none', (t) => {
  for (const text of ['', '0'.repeat(32), 'A'.repeat(31), 'A'.repeat(33), '4BOKLLA3-VH66-JF11-2M1C-C9VHKS14F0KP', `${'A'.repeat(31)}Ä`, `${'A'.repeat(31)}ſ`]) t.equal(readGenesysUuid(text), undefined, text);
  fc.assert(fc.property(fc.string(), (text) => /^[0-9A-Za-z]{32}$/.test(readGenesysUuid(text) ?? 'A'.repeat(32))));
  t.end();
});
