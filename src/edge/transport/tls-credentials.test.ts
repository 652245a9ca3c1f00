import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { standingClock } from './standing-clock.fixture.js';
import { edge, renewed, client } from './test-certificates.fixture.js';
import { TlsCredentials } from './tls-credentials.js';
import { tlsFiles } from './tls-files.fixture.js';

/** Lets the file system answer until something holds. */
async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns += 1) {
    if (turns > 100_000) throw new Error('it does not come to hold');
    await turn();
  }
}

t.test('files are looked at every minute, and read when they have changed', async (t) => {
  const clock = standingClock();
  const files = tlsFiles(t, edge);
  const credentials = await TlsCredentials.open(files.settings, clock);
  const { material } = credentials;
  clock.advance(60_000);
  await until(() => clock.armed === 1);
  t.equal(credentials.material, material, 'what has not changed is not read again');
  files.renew(renewed);
  utimesSync(files.settings.certFile, 1, 1);
  clock.advance(59_999);
  t.equal(credentials.material, material);
  clock.advance(1);
  await until(() => credentials.material !== material);
  t.equal(String(credentials.material.cert), renewed.cert);
  await until(() => clock.armed === 1);
  credentials.close();
  t.equal(clock.armed, 0);
});

t.test('half a renewal is counted and tried again the next minute; what is there stays', async (t) => {
  const clock = standingClock();
  const files = tlsFiles(t, edge);
  const credentials = await TlsCredentials.open(files.settings, clock);
  t.teardown(() => credentials.close());
  const { material } = credentials;
  writeFileSync(files.settings.certFile, renewed.cert);
  clock.advance(60_000);
  await until(() => credentials.counts.reloadsFailed === 1 && clock.armed === 1);
  rmSync(files.settings.keyFile);
  clock.advance(60_000);
  await until(() => credentials.counts.reloadsFailed === 2 && clock.armed === 1);
  t.equal(credentials.material, material);
  files.renew(renewed);
  clock.advance(60_000);
  await until(() => credentials.material !== material);
});

t.test('whatever is wrong with the files, the failure names them and holds nothing of a key', async (t) => {
  const { settings } = tlsFiles(t, { cert: edge.cert, key: client.key });
  const failure: unknown = await TlsCredentials.open(settings, standingClock()).catch((thrown: unknown) => thrown);
  t.match(failure, { code: 'EDGE_TLS', facts: { keyFile: settings.keyFile } });
  t.equal((failure as Error).cause, undefined, 'nothing of OpenSSL is passed on');
});
