import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { identitiesOf, provesToBe } from './tls-identity.js';
import { client, edge, wrongName } from './test-certificates.fixture.js';

const named = (subjectaltname: string, commonName?: string): string[] => identitiesOf({ subjectaltname, commonName });

t.test('real certificates: SIP domains, DNS names and addresses (RFC 5922 §7.1)', (t) => {
  const ofCertificate = (pem: string): string[] => identitiesOf({ subjectaltname: new X509Certificate(pem).subjectAltName });
  t.strictSame(ofCertificate(edge.cert), ['edge.example.test', 'localhost', 'sip.example.test', '127.0.0.1', '::1']);
  t.strictSame(ofCertificate(client.cert), ['trunk.example.test']);
  t.strictSame(ofCertificate(wrongName.cert), ['wrong.example.test']);
  t.end();
});

t.test('URIs of other schemes and of users are no SIP domains (RFC 5922 §7.1)', (t) => {
  t.strictSame(named('URI:sip:a.test, URI:sips:b.test, URI:https://c.test, URI:sip:user@d.test, email:x@e.test'), ['a.test']);
  t.end();
});

t.test('the common name counts only where there is no alternative name at all', (t) => {
  t.strictSame(named('', 'A.test'), ['a.test']);
  t.strictSame(named('DNS:b.test', 'a.test'), ['b.test']);
  t.strictSame(named('email:x@e.test', 'a.test'), []);
  t.strictSame(named('', 'Some Person'), []);
  t.end();
});

t.test('names are compared whole and without case; wildcards stand for nothing (RFC 5922 §7.2)', (t) => {
  t.ok(provesToBe(named('DNS:A.Test'), 'a.tesT'));
  t.ok(provesToBe(named('DNS:a.test'), 'a.test.'));
  t.notOk(provesToBe(named('DNS:a.test'), 'b.a.test'));
  t.notOk(provesToBe(named('DNS:*.a.test'), 'b.a.test'));
  t.ok(provesToBe(named('IP Address:2001:DB8:0:0:0:0:0:1'), '2001:db8::1'));
  t.notOk(provesToBe(named('DNS:192.0.2.10'), '192.0.2.1'));
  t.end();
});

t.test('what node quotes, for it could be taken for something else, is no name', (t) => {
  t.strictSame(named(String.raw`DNS:"a.test, DNS:evil.test", DNS:b.test`), ['b.test']);
  t.strictSame(named(String.raw`DNS:"a\" , DNS:evil.test", URI:"sip:evil.test"`), []);
  t.end();
});

t.test('any text yields names that are names', (t) => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string(), (list, common) => {
    t.ok(named(list, common).every((name) => /^[a-z0-9_.:-]+$/u.test(name)));
  }), { numRuns: 200 });
  t.end();
});
