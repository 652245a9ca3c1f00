import fc from 'fast-check';
import { isIPv4, isIPv6 } from 'node:net';
import t from 'tap';
import { addressBytes, addressRoom, decodeAddress, encodeAddress, familyOf, familyV4, familyV6 } from './socket-address.js';

const view = new DataView(new ArrayBuffer(addressRoom + 8));
const through = (address: string, port = 5_060): unknown => {
  encodeAddress({ address, port }, view, 8);
  return decodeAddress(view, 8);
};

t.test('struct sockaddr_in: family in the order of the host, port in that of the network', (t) => {
  t.equal(encodeAddress({ address: '192.0.2.7', port: 0x1234 }, view, 0), 16);
  t.strictSame(Buffer.from(view.buffer, 0, 8).toString('hex'), '02001234c0000207');
  t.strictSame([familyOf('192.0.2.7'), addressBytes(familyV4)], [familyV4, 16]);
  t.end();
});

t.test('struct sockaddr_in6: flow, address, scope', (t) => {
  t.equal(encodeAddress({ address: 'fe80::1%3', port: 0x1234 }, view, 0), 28);
  t.equal(Buffer.from(view.buffer, 0, 28).toString('hex'), `0a00123400000000fe80${'0000'.repeat(6)}000103000000`);
  t.strictSame([familyOf('::1'), addressBytes(familyV6)], [familyV6, 28]);
  t.end();
});

t.test('RFC 5952: an address comes back in its shortest form', (t) => {
  for (const [address, shortest] of [
    ['::', '::'], ['::1', '::1'], ['1::', '1::'], ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'], ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'], ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'], ['::ffff:192.0.2.1', '::ffff:192.0.2.1'], ['fe80::1%2', 'fe80::1%2'],
  ] as const) t.strictSame(through(address), { address: shortest, port: 5_060 }, address);
  t.end();
});

t.test('any literal comes back as the same address', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 65_535 }), (address, port) => {
      const back = through(address, port) as { address: string; port: number };
      const again = through(back.address, port);
      return back.port === port && (isIPv4(back.address) || isIPv6(back.address)) && JSON.stringify(again) === JSON.stringify(back) && (isIPv6(address) || back.address === address);
    }),
  );
  t.end();
});

t.test('any bytes give an address, and what is no literal of IPv4 is an error', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: addressRoom, maxLength: addressRoom }), (bytes) => {
      const { address, port } = decodeAddress(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
      return typeof address === 'string' && port >= 0 && port <= 65_535;
    }),
  );
  for (const address of ['example.com', '', '1.2.3', '1.2.3.256', '1.2.3.4.5']) t.throws(() => encodeAddress({ address, port: 1 }, view, 0), address);
  t.end();
});
