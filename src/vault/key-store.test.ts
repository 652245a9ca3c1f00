import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import t, { type Test } from 'tap';
import { Failure } from '../errors/index.js';
import { parseKeyFile, parsePublicFile } from './key-file.js';
import { loadOrCreateKeys, loadPublic } from './key-store.js';
import { secretsOf, type VaultKeys } from './keys.js';
import { openSodium } from './sodium.js';

/** Every spelling in which a secret of these keys could show. */
function spellings(keys: VaultKeys, keyFile: string): string[] {
  const { sealSeed, signSeed } = JSON.parse(keyFile) as { sealSeed: string; signSeed: string };
  const { openWith, signWith } = secretsOf(keys);
  const secrets = [Buffer.from(sealSeed, 'base64'), Buffer.from(signSeed, 'base64'), Buffer.from(openWith), Buffer.from(signWith)];
  return secrets.flatMap((secret) => [secret.toString('hex').slice(0, 16), secret.toString('base64').slice(0, 12), [...secret.subarray(0, 6)].join(', '), [...secret.subarray(0, 6)].join(',')]);
}

async function refused(t: Test, loading: Promise<unknown>, message: RegExp, what: string): Promise<Failure> {
  const error: unknown = await loading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Failure)) throw new Error(`${what}: not refused`);
  t.equal(error.code, 'VAULT_KEYS', what);
  t.match(error.message, message, what);
  return error;
}

t.test('keys are made on first use and are the same ever after', async (t) => {
  const dir = join(t.testdir(), 'a', 'keys');
  const umask = process.umask(0o077);
  const made = await loadOrCreateKeys(dir).finally(() => process.umask(umask));
  t.equal(statSync(join(dir, 'vault.key')).mode & 0o777, 0o600);
  t.equal(statSync(join(dir, 'vault.pub')).mode & 0o777, 0o644);
  t.strictSame(readdirSync(dir).sort(), ['vault.key', 'vault.pub'], 'nothing temporary stays');
  const loaded = await loadOrCreateKeys(dir);
  t.strictSame(loaded.public, made.public);
  t.strictSame(secretsOf(loaded), secretsOf(made));
  t.strictSame(await loadPublic(dir), made.public);
  t.match(made.public.keyId, /^[0-9a-f]{32}$/);
});

t.test('many loads at once in one process agree', async (t) => {
  const dir = t.testdir();
  // Each begins a little later, so that some look for a key file while others make one.
  const loads: Promise<VaultKeys>[] = [];
  for (let load = 0; load < 40; load += 1) {
    loads.push(loadOrCreateKeys(dir));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const all = await Promise.all(loads);
  t.equal(new Set(all.map((keys) => keys.public.keyId)).size, 1);
  t.strictSame(readdirSync(dir).sort(), ['vault.key', 'vault.pub']);
});

t.test('two processes that start at once agree', async (t) => {
  const dir = t.testdir();
  const script = `const { loadOrCreateKeys } = await import(${JSON.stringify(new URL('./key-store.js', import.meta.url).href)});
    process.stdout.write((await loadOrCreateKeys(${JSON.stringify(dir)})).public.keyId);`;
  const start = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env: { PATH: process.env['PATH'] } });
  const [one, other] = await Promise.all([start(), start()]);
  t.equal(one.stdout, other.stdout);
  t.equal(one.stdout, (await loadPublic(dir)).keyId);
});

t.test('secrets show in no inspection, serialisation or copy', async (t) => {
  const dir = t.testdir();
  const keys = await loadOrCreateKeys(dir);
  const shown = [inspect(keys, { showHidden: true, depth: null, getters: true }), JSON.stringify(keys), inspect(structuredClone(keys), { depth: null })].join('\n');
  for (const spelling of spellings(keys, readFileSync(join(dir, 'vault.key'), 'utf8'))) t.notOk(shown.includes(spelling));
  t.throws(() => secretsOf(structuredClone(keys)), 'a copy has no secrets');
});

t.test('every flipped bit and every cut of a key file is seen, and no failure tells the key', async (t) => {
  const dir = t.testdir();
  const keys = await loadOrCreateKeys(dir);
  const sodium = await openSodium();
  const path = join(dir, 'vault.key');
  const whole = readFileSync(path);
  const secret = spellings(keys, whole.toString());
  const line = whole.subarray(0, -1);
  let unseen = 0;
  for (let bit = 0; bit < line.length * 8; bit += 1) {
    const flipped = Buffer.from(line);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (typeof parseKeyFile(sodium, flipped.toString()) !== 'string') unseen += 1;
  }
  t.equal(unseen, 0, 'bits that may flip unseen');
  let told = 0;
  for (let at = 0; at < line.length; at += 1) {
    for (const damaged of [line.subarray(0, at), Buffer.concat([line.subarray(0, at), Buffer.from('?'), line.subarray(at + 1)])]) {
      writeFileSync(path, damaged);
      const error = await loadOrCreateKeys(dir).catch((thrown: unknown) => thrown);
      if (!(error instanceof Failure) || error.code !== 'VAULT_KEYS' || !/backup/.test(error.message)) t.fail(`unseen at ${at}`);
      const shown = inspect(error, { depth: null, showHidden: true });
      if (secret.some((spelling) => shown.includes(spelling))) told += 1;
    }
  }
  t.equal(told, 0, 'failures that tell the key');
});

t.test('every flipped bit of vault.pub is seen', async (t) => {
  const dir = t.testdir();
  await loadOrCreateKeys(dir);
  const sodium = await openSodium();
  const path = join(dir, 'vault.pub');
  const line = readFileSync(path).subarray(0, -1);
  t.notOk(typeof parsePublicFile(sodium, line.toString()) === 'string', 'valid without a line end');
  t.notOk(typeof parsePublicFile(sodium, `${line.toString()}\r\n`) === 'string', 'valid with a Windows line end');
  let unseen = 0;
  for (let bit = 0; bit < line.length * 8; bit += 1) {
    const flipped = Buffer.from(line);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (typeof parsePublicFile(sodium, flipped.toString()) !== 'string') unseen += 1;
  }
  t.equal(unseen, 0);
  writeFileSync(path, '{}');
  await refused(t, loadPublic(dir), /not a key file/, 'another JSON');
  await refused(t, loadOrCreateKeys(dir), /not a key file.*delete it/, 'another JSON beside vault.key');
});

t.test('a key file that others may use is refused with the command that mends it', async (t) => {
  const dir = t.testdir();
  await loadOrCreateKeys(dir);
  const path = join(dir, 'vault.key');
  for (const mode of [0o640, 0o604, 0o610, 0o602, 0o777]) {
    chmodSync(path, mode);
    await refused(t, loadOrCreateKeys(dir), /chmod 600 .*vault\.key/, mode.toString(8));
  }
});

t.test('keys are never made anew where others were lost', async (t) => {
  const dir = t.testdir();
  await loadOrCreateKeys(dir);
  rmSync(join(dir, 'vault.key'));
  await refused(t, loadOrCreateKeys(dir), /vault\.key is missing\. Restore it/, 'only vault.pub is left');
  t.strictSame(readdirSync(dir), ['vault.pub']);
});

t.test('a vault.pub of other keys is refused, a missing one written again', async (t) => {
  const dir = t.testdir({ a: {}, b: {} });
  const keys = await loadOrCreateKeys(join(dir, 'a'));
  await loadOrCreateKeys(join(dir, 'b'));
  writeFileSync(join(dir, 'a', 'vault.pub'), readFileSync(join(dir, 'b', 'vault.pub')));
  await refused(t, loadOrCreateKeys(join(dir, 'a')), /belong together/, 'swapped');
  rmSync(join(dir, 'a', 'vault.pub'));
  await refused(t, loadPublic(join(dir, 'a')), /vault\.pub is missing\. Copy/, 'missing');
  await loadOrCreateKeys(join(dir, 'a'));
  t.strictSame(await loadPublic(join(dir, 'a')), keys.public);
});

t.test('files of another version, and what is no file, are refused with words', async (t) => {
  const dir = t.testdir({ file: 'x' });
  const keys = join(dir, 'keys');
  await loadOrCreateKeys(keys);
  const path = join(keys, 'vault.key');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"version":1', '"version":2'));
  await refused(t, loadOrCreateKeys(keys), /another version/, 'version 2');
  rmSync(path);
  mkdirSync(path);
  await refused(t, loadOrCreateKeys(keys), /cannot be read/, 'a folder');
  await refused(t, loadOrCreateKeys(join(dir, 'file', 'keys')), /cannot be/, 'below a file');
});
