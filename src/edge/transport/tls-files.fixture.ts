/** For tests: certificate files in a folder of the test's own, and the settings that name them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { TlsSettings } from '../edge-options.js';
import { authority, type TestCertificate } from './test-certificates.fixture.js';

export interface TlsFiles {
  readonly settings: TlsSettings;
  /** Puts another certificate in the place of the first. */
  renew(certificate: TestCertificate): void;
}

export function tlsFiles(t: Test, certificate: TestCertificate, changes: Partial<TlsSettings> = {}): TlsFiles {
  const folder = mkdtempSync(join(tmpdir(), 'twintrack-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [certFile, keyFile, caFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem'), join(folder, 'ca.pem')];
  const renew = ({ cert, key }: TestCertificate): void => {
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
  };
  renew(certificate);
  writeFileSync(caFile, authority);
  return { settings: { certFile, keyFile, caFile, clientCertificate: 'none', verifyPeer: 'name', ...changes }, renew };
}
