import { connect } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import { openEdge, spawnEdge } from './index.js';
import { testCertificate, testKey } from './app/admin-tls.fixture.js';
import { connectApp, finalResponse, openParty, openQuietEdge } from './party.fixture.js';

const tls = { certificate: testCertificate, key: testKey };
const trusting = { tls: { ca: testCertificate, servername: 'localhost' } };

t.test('drachtio-srf connects by TLS to a port that speaks nothing else', async (t) => {
  const edge = await openQuietEdge(t, {}, { admin: { host: '127.0.0.1', port: 0, tls } });
  const srf = await connectApp(t, edge, 'cymru', [], trusting);
  srf.use('options', (_request, response) => response.send(200));
  const asking = await openParty(t);
  const request = await asking.srf.request(`sip:x@127.0.0.1:${edge.listening[0]?.port ?? 0}`, { method: 'OPTIONS' });
  t.equal((await finalResponse(request)).status, 200);
  await t.rejects(connectApp(t, edge, 'wrong', [], trusting), /authenticate/u);
  const plain = connect(edge.admin.port, '127.0.0.1');
  plain.on('error', () => undefined);
  const ended = once(plain, 'close');
  plain.end('20#m1|authenticate|cymru|');
  await ended;
});

t.test('one port with TLS and one without, in a thread of its own', async (t) => {
  const edge = await spawnEdge({
    listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }], admin: { host: '127.0.0.1', port: 0, tls: { ...tls, port: 0 } }, secret: 'cymru',
  });
  t.teardown(() => edge.close());
  t.not(edge.admin.tlsPort, edge.admin.port);
  await Promise.all([connectApp(t, edge), connectApp(t, edge, 'cymru', [], { ...trusting, port: edge.admin.tlsPort })]);
});

t.test('a key that does not belong to the certificate is a failure that says so', async (t) => {
  const listen = [{ transport: 'udp' as const, host: '127.0.0.1', port: 0 }];
  for (const broken of [{ certificate: 'none', key: testKey }, { certificate: testCertificate, key: 'none' }]) {
    await t.rejects(
      openEdge({ listen, admin: { host: '127.0.0.1', port: 0, tls: { ...broken, port: 0 } }, secret: 'x' }),
      { code: 'CONFIG_INVALID', message: /certificate or key/u },
    );
  }
});

t.test('an edge closes while a TLS handshake hangs', async (t) => {
  const edge = await openQuietEdge(t, {}, { admin: { host: '127.0.0.1', port: 0, tls } });
  const hanging = connect(edge.admin.port, '127.0.0.1');
  hanging.on('error', () => undefined);
  await once(hanging, 'connect');
  const ended = once(hanging, 'close');
  await edge.close();
  await ended;
});
