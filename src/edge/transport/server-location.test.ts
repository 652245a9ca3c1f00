import t, { type Test } from 'tap';
import { parseUri } from '../message/uri.js';
import type { Family } from './local-address.js';
import type { Protocol } from './path.js';
import { ServerLocation, type Located } from './server-location.js';
import { standingClock } from './standing-clock.fixture.js';
import { naptrRecord, srvRecord, tableLookUps, type DnsTable } from './table-look-ups.fixture.js';

const all = ['udp', 'tcp', 'tls'] as const;

function open(t: Test, table: DnsTable, protocols: readonly Protocol[] = all, families: readonly Family[] = [4, 6]) {
  const clock = standingClock();
  const dns = tableLookUps(table);
  const location = new ServerLocation(clock, dns, (protocol, family) => protocols.includes(protocol) && families.includes(family));
  t.teardown(() => location.close());
  const locate = (text: string): Promise<Located> => {
    const uri = parseUri(text);
    if (typeof uri === 'string') throw new Error(uri);
    return new Promise((resolve) => {
      location.locate(uri, () => 0, resolve);
    });
  };
  return {
    dns,
    clock,
    locate,
    /** The places as `protocol address:port`, or why there are none. */
    places: async (text: string) => {
      const located = await locate(text);
      return typeof located === 'string' ? located : located.map((hop) => `${hop.protocol} ${hop.address}:${hop.port}`);
    },
  };
}

t.test('an address is asked of nobody: UDP for sip, TLS for sips, the port given or the default (RFC 3263 §4.1, §4.2)', async (t) => {
  const { places, dns } = open(t, {});
  t.strictSame(await places('sip:192.0.2.1'), ['udp 192.0.2.1:5060']);
  t.strictSame(await places('sip:192.0.2.1:5080'), ['udp 192.0.2.1:5080']);
  t.strictSame(await places('sip:[2001:db8::1];transport=tcp'), ['tcp 2001:db8::1:5060']);
  t.strictSame(await places('sip:192.0.2.1;transport=TLS'), ['tls 192.0.2.1:5061']);
  t.strictSame(await places('sips:192.0.2.1'), ['tls 192.0.2.1:5061']);
  t.strictSame(await places('sips:192.0.2.1:5080;transport=tcp'), ['tls 192.0.2.1:5080']);
  t.strictSame(await places('sips:192.0.2.1;transport=udp'), 'no-transport');
  t.strictSame(await places('sip:192.0.2.1;transport=sctp'), 'no-transport');
  t.strictSame(dns.asked, []);
});

t.test('a port means that only the address is asked for (§4.2)', async (t) => {
  const { places, dns } = open(t, { addresses: { 'a.test': ['192.0.2.1', '2001:db8::1'] }, srv: { '_sip._udp.a.test': [srvRecord(1, 1, 9, 'b.test')] } });
  t.strictSame(await places('sip:a.test:5070'), ['udp 192.0.2.1:5070', 'udp 2001:db8::1:5070']);
  t.strictSame(dns.asked, ['address a.test']);
});

t.test('a name that stands alone is asked of the system only', async (t) => {
  const { places, dns } = open(t, { addresses: { recorder: ['192.0.2.1'] } });
  t.strictSame(await places('sip:recorder'), ['udp 192.0.2.1:5060']);
  t.strictSame(dns.asked, ['address recorder']);
});

t.test('NAPTR chooses the transport, by order and preference, among those that we have (§4.1)', async (t) => {
  const table: DnsTable = {
    naptr: {
      'a.test': [
        naptrRecord(50, 50, 'SIPS+D2T', '_sips._tcp.a.test'), naptrRecord(90, 20, 'SIP+D2U', '_sip._udp.a.test'), naptrRecord(90, 10, 'SIP+D2T', '_SIP._tcp.other.test'),
        naptrRecord(10, 10, 'SIP+D2S', '_sip._sctp.a.test'), { ...naptrRecord(1, 1, 'SIP+D2U', ''), flags: 'u' },
      ],
    },
    srv: {
      '_sips._tcp.a.test': [srvRecord(1, 1, 5061, 's.a.test')], '_sip._udp.a.test': [srvRecord(1, 1, 5060, 'u.a.test')], '_sip._tcp.other.test': [srvRecord(1, 1, 5090, 't.a.test')],
    },
    addresses: { 's.a.test': ['192.0.2.1'], 'u.a.test': ['192.0.2.2'], 't.a.test': ['192.0.2.3'] },
  };
  t.strictSame(await open(t, table).places('sip:a.test'), ['tls 192.0.2.1:5061', 'tcp 192.0.2.3:5090', 'udp 192.0.2.2:5060']);
  t.strictSame(await open(t, table, ['udp']).places('sip:a.test'), ['udp 192.0.2.2:5060']);
  t.strictSame(await open(t, table).places('sips:a.test'), ['tls 192.0.2.1:5061']);
  t.match(await open(t, table).locate('sip:a.test'), [{ name: 'a.test' }, { name: 'a.test' }, { name: 'a.test' }], 'the certificate has to be of the name asked for, not of what the DNS makes of it');
});

t.test('without NAPTR every transport that we have is asked for by SRV, and without SRV the name (§4.1, §4.2)', async (t) => {
  const table: DnsTable = {
    srv: { '_sip._tcp.a.test': [srvRecord(2, 0, 5065, 'two.test'), srvRecord(1, 0, 5064, 'one.test')], '_sips._tcp.a.test': [srvRecord(1, 0, 5066, 'one.test')] },
    addresses: { 'one.test': ['192.0.2.1', '192.0.2.2'], 'two.test': ['192.0.2.3'], 'b.test': ['192.0.2.9'] },
  };
  const { places, dns } = open(t, table);
  t.strictSame(await places('sip:a.test'), ['tcp 192.0.2.1:5064', 'tcp 192.0.2.2:5064', 'tcp 192.0.2.3:5065', 'tls 192.0.2.1:5066', 'tls 192.0.2.2:5066']);
  t.strictSame(dns.asked.slice(0, 4), ['naptr a.test', 'srv _sip._udp.a.test', 'srv _sip._tcp.a.test', 'srv _sips._tcp.a.test']);
  t.strictSame(await places('sip:b.test'), ['udp 192.0.2.9:5060']);
  t.strictSame(await open(t, table, ['tls']).places('sip:b.test'), ['tls 192.0.2.9:5061']);
});

t.test('a transport that is named is asked for by its SRV alone (§4.2)', async (t) => {
  const { places, dns } = open(t, { srv: { '_sips._tcp.a.test': [srvRecord(1, 1, 5071, 'b.test')] }, addresses: { 'b.test': ['192.0.2.1'], 'a.test': ['192.0.2.2'] } });
  t.strictSame(await places('sip:a.test;transport=tls'), ['tls 192.0.2.1:5071']);
  t.strictSame(dns.asked, ['srv _sips._tcp.a.test', 'address b.test']);
  t.strictSame(await places('sip:a.test;transport=tcp'), ['tcp 192.0.2.2:5060']);
});

t.test('a service that is declared absent, servers without address and ports of 0 are no places (RFC 2782)', async (t) => {
  const { places } = open(t, {
    srv: { '_sip._udp.a.test': [srvRecord(0, 0, 0, '.'), srvRecord(0, 0, 5060, ''), srvRecord(0, 0, 0, 'b.test'), srvRecord(1, 0, 5060, 'none.test')] },
    addresses: { 'b.test': ['192.0.2.1'] },
  });
  t.equal(await places('sip:a.test;transport=udp'), 'unresolved');
});

t.test('only addresses of families that we have, for the transport', async (t) => {
  const table: DnsTable = { addresses: { 'a.test': ['2001:db8::1', '192.0.2.1'], 'six.test': ['2001:db8::1'] } };
  t.strictSame(await open(t, table, all, [4]).places('sip:a.test:5060'), ['udp 192.0.2.1:5060']);
  t.equal(await open(t, table, all, [4]).places('sip:six.test:5060'), 'unresolved');
  t.equal(await open(t, table, ['udp']).places('sip:a.test;transport=tcp'), 'no-transport');
});

t.test('a DNS server that keeps silent about NAPTR costs one wait, not five', async (t) => {
  const { places, clock, dns } = open(t, { silent: ['a.test'] });
  const found = places('sip:a.test');
  clock.advance(5_000);
  clock.advance(5_000);
  t.equal(await found, 'unresolved');
  t.strictSame(dns.asked, ['naptr a.test', 'address a.test']);
});

t.test('at most eight places are tried', async (t) => {
  const many = Array.from({ length: 40 }, (_, i) => `192.0.2.${i + 1}`);
  const records = Array.from({ length: 30 }, (_, i) => srvRecord(i, 0, 5060, 'b.test'));
  const { locate } = open(t, { addresses: { 'a.test': many, 'b.test': many }, srv: { '_sip._udp.c.test': records } });
  t.equal((await locate('sip:a.test:5060')).length, 8);
  t.equal((await locate('sip:c.test')).length, 8);
});

t.test('whether the transport was ours to choose is told with each place (RFC 3261 §18.1.1)', async (t) => {
  const { locate } = open(t, { addresses: { 'a.test': ['192.0.2.1'] } });
  for (const [uri, free] of [['sip:192.0.2.1', true], ['sip:a.test:5060', true], ['sip:192.0.2.1;transport=udp', false], ['sips:a.test', false]] as const) {
    t.match(await locate(uri), [{ free }], uri);
  }
});
