import t from 'tap';
import { Addresses, addressOf, endpointOf, portOf } from './endpoints.js';

t.test('addresses of both families are numbers, and text again', (t) => {
  const addresses = new Addresses();
  for (const text of ['0.0.0.0', '10.0.0.1', '192.168.1.62', '255.255.255.255', '2001:db8::1', '::1', '::', '2001:db8:0:1:1:1:1:1', 'fe80::1:0:0:1']) {
    const id = addresses.read(text);
    t.equal(id === undefined ? '' : addresses.text(id), text);
    for (const port of [0, 1, 65_535]) {
      const endpoint = endpointOf(id ?? 0, port);
      t.ok(Number.isSafeInteger(endpoint) && addressOf(endpoint) === id && portOf(endpoint) === port);
    }
  }
  t.equal(addresses.read('2001:DB8:0:0::0:1'), addresses.read('2001:db8::1'), 'however it is written');
  t.equal(addresses.read('::ffff:10.0.0.1'), addresses.read('::ffff:a00:1'));
  t.equal(addresses.ipv6(Buffer.from('20010db8000000000000000000000001', 'hex'), 0), addresses.read('2001:db8::1'), 'as it stands in packets');
  t.equal(addresses.endpointText(endpointOf(addresses.read('2001:db8::1') ?? 0, 5_060)), '[2001:db8::1]:5060');
  for (const text of ['', 'example.net', '10.0.0', '1::2::3', '10.0.0.256']) t.equal(addresses.read(text), undefined, text);
  t.end();
});

t.test('an attacker gets no memory by addresses', (t) => {
  const addresses = new Addresses();
  const bytes = Buffer.alloc(16);
  let known = 0;
  for (let n = 0; n < 270_000; n += 1) {
    bytes.writeUInt32BE(n, 12);
    if (addresses.ipv6(bytes, 0) !== undefined) known += 1;
  }
  t.equal(known, 262_144);
  t.end();
});
