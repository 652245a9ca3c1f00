import t from 'tap';
import { parseSipUri, type SipUri } from '../sip/index.js';
import { readTrunks, requestUriFor, trunkOf } from './trunks.js';

const uri = (text: string): SipUri => {
  const parsed = parseSipUri(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
};

t.test('a call is of the first trunk whose sources hold its address', (t) => {
  const trunks = readTrunks([
    { name: 'carrier', sources: ['192.0.2.7', '10.1.0.0/16'], nextHop: 'sip:198.51.100.1', recordingControl: [] },
    { name: 'rest', sources: ['10.0.0.0/8', '2001:db8::/32'], nextHop: 'sip:198.51.100.2:5062;transport=tcp', recordingControl: [] },
  ]);
  for (const [address, name] of [['192.0.2.7', 'carrier'], ['192.0.2.8', undefined], ['10.1.2.3', 'carrier'], ['10.2.0.1', 'rest'], ['2001:db8::9', 'rest'], ['2001:db9::9', undefined], ['', undefined], ['nonsense', undefined]] as const) {
    t.equal(trunkOf(trunks, address)?.name, name, address);
  }
  t.match(trunks[1], { nextHopText: 'sip:198.51.100.2:5062;transport=tcp', nextHop: { host: '198.51.100.2', port: 5_062 } });
  t.throws(() => readTrunks([{ name: 'x', sources: ['10.0.0.1'], nextHop: 'nowhere', recordingControl: [] }]), TypeError, 'the configuration was checked before');
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
