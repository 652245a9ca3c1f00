import t from 'tap';
import { parseSipUri, type RequestOrigin, type SipUri } from '../sip/index.js';
import { readTrunks, requestUriFor, trunkOf } from './trunks.js';

const uri = (text: string): SipUri => {
  const parsed = parseSipUri(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
};

const from = (address: string, more: Partial<RequestOrigin> = {}): RequestOrigin => ({ address, transport: 'udp', localPort: 5_060, tlsIdentities: [], ...more });

t.test('a call is of the first trunk whose sources hold its address', (t) => {
  const trunks = readTrunks([
    { name: 'carrier', sources: ['192.0.2.7', '10.1.0.0/16'] },
    { name: 'rest', sources: ['10.0.0.0/8', '2001:db8::/32'] },
  ]);
  for (const [address, name] of [['192.0.2.7', 'carrier'], ['192.0.2.8', undefined], ['10.1.2.3', 'carrier'], ['10.2.0.1', 'rest'], ['2001:db8::9', 'rest'], ['2001:db9::9', undefined], ['', undefined], ['nonsense', undefined]] as const) {
    t.equal(trunkOf(trunks, from(address))?.name, name, address);
  }
  t.end();
});

t.test('transport, local port and certificate are conditions too: all that a trunk says must hold, and the first trunk that fits is taken', (t) => {
  const everywhere = ['0.0.0.0/0', '::/0'];
  const trunks = readTrunks([
    { name: 'carrier', sources: everywhere, transports: ['tls'], tlsIdentities: ['SBC.example.com', 'sbc2.example.com'] },
    { name: 'pbx', sources: ['10.0.0.0/8'], localPorts: [5_062, 5_064] },
    { name: 'old', sources: ['10.0.0.0/8'], transports: ['udp', 'tcp'] },
  ]);
  const table: [RequestOrigin, string | undefined][] = [
    [from('198.51.100.1', { transport: 'tls', tlsIdentities: ['other.example', 'sbc.example.com'] }), 'carrier'],
    [from('2001:db8::1', { transport: 'tls', tlsIdentities: ['sbc2.example.com'] }), 'carrier'],
    [from('198.51.100.1', { transport: 'tls', tlsIdentities: ['evil-sbc.example.com'] }), undefined],
    [from('198.51.100.1', { transport: 'tls' }), undefined],
    [from('198.51.100.1', { transport: 'tcp', tlsIdentities: ['sbc.example.com'] }), undefined],
    [from('10.0.0.1', { localPort: 5_064 }), 'pbx'],
    [from('10.0.0.1'), 'old'],
    [from('10.0.0.1', { localPort: undefined, transport: 'tcp' }), 'old'],
    [from('10.0.0.1', { transport: 'tls' }), undefined],
    [from('10.0.0.1', { transport: 'tls', localPort: 5_062 }), 'pbx'],
    [from('192.0.2.1', { localPort: 5_062 }), undefined],
  ];
  for (const [origin, name] of table) t.equal(trunkOf(trunks, origin)?.name, name, JSON.stringify(origin));
  t.end();
});

t.test('the number and its parameters stay, scheme, host, port and transport become the next hop\'s', (t) => {
  const table: [string, string, string][] = [
    ['sip:+4930123@proxy.example.com:5060', 'sip:198.51.100.1', 'sip:+4930123@198.51.100.1'],
    ['sip:+4930123@proxy.example.com', 'sip:198.51.100.1:5062', 'sip:+4930123@198.51.100.1:5062'],
    ['sip:+49;rn=+4940;npdi@proxy;user=phone;transport=udp', 'sip:198.51.100.1;transport=tcp', 'sip:+49;rn=+4940;npdi@198.51.100.1;user=phone;transport=tcp'],
    ['sip:100@proxy;Transport=tls', 'sip:198.51.100.1', 'sip:100@198.51.100.1'],
    ['sip:100@proxy', 'sips:sbc.example.com', 'sips:100@sbc.example.com'],
    ['sips:100@proxy', 'sip:198.51.100.1', 'sip:100@198.51.100.1'],
    ['sip:100@proxy?Subject=x', 'sip:198.51.100.1', 'sip:100@198.51.100.1?Subject=x'],
    ['sip:proxy', 'sip:198.51.100.1', 'sip:198.51.100.1'],
    ['sip:100@[2001:db8::1]:5060', 'sip:[2001:db8::2]:5070', 'sip:100@[2001:db8::2]:5070'],
    ['sip:100%40home@proxy', 'sip:h', 'sip:100%40home@h'],
  ];
  for (const [from, nextHop, to] of table) t.equal(requestUriFor(from, uri(nextHop)), to, from);
  t.end();
});

t.test('a URI without a host, or that cannot be read, is sent as it is', (t) => {
  for (const text of ['tel:+4930123', 'tel:123;phone-context=example.com', 'urn:service:sos', 'sip:', 'sip:a b@c']) {
    t.equal(requestUriFor(text, uri('sip:198.51.100.1;transport=tcp')), text);
  }
  t.end();
});
