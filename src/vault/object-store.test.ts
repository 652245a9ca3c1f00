import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { Failure } from '../errors/index.js';
import { loadOrCreateKeys } from './key-store.js';
import type { VaultKeys } from './keys.js';
import { chunkBytes } from './object-file.js';
import { openObjectStore, type ObjectStore } from './object-store.js';
import { createSealer } from './sealed-stream.js';

const keys = await loadOrCreateKeys(join(t.testdir(), 'keys'));

async function readAll(store: ObjectStore, name: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of store.read(name)) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function namesOf(store: ObjectStore, prefix = ''): Promise<string[]> {
  const names: string[] = [];
  for await (const name of store.list(prefix)) names.push(name);
  return names;
}

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof Failure ? error.code : error),
  );

const pattern = (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 0xff));

t.test('objects of every awkward size come back, in any pieces', async (t) => {
  const root = t.testdir();
  const store = await openObjectStore(root, keys);
  for (const size of [0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2 * chunkBytes, 3 * chunkBytes + 17]) {
    const plain = pattern(size);
    for (const step of [size + 1, 1000, 65_537]) {
      const pieces = (function* () {
        for (let at = 0; at < size; at += step) yield plain.subarray(at, at + step);
      })();
      const put = await store.put('recordings/2026/a.wav', pieces);
      const file = readFileSync(join(root, 'recordings/2026/a.wav'));
      t.equal(put.plainBytes, size);
      t.equal(put.sealedBytes, file.length);
      t.equal(file.length, 128 + size + 17 * Math.max(1, Math.ceil(size / chunkBytes)));
      t.equal(put.digest, await store.digest('recordings/2026/a.wav'));
      t.ok((await readAll(store, 'recordings/2026/a.wav')).equals(plain), `${size} bytes by ${step}`);
    }
  }
  t.equal(statSync(join(root, 'recordings/2026/a.wav')).mode & 0o777, 0o600);
});

t.test('generated objects round trip', async (t) => {
  const store = await openObjectStore(t.testdir(), keys);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 2000 })), async (pieces) => {
      await store.put('a', pieces);
      t.ok((await readAll(store, 'a')).equals(Buffer.concat(pieces)));
    }),
    { numRuns: 30 },
  );
});

t.test('every flipped byte and every cut of an object is seen', async (t) => {
  const root = t.testdir();
  const store = await openObjectStore(root, keys);
  await store.put('a', [pattern(chunkBytes + 100)]);
  const path = join(root, 'a');
  const whole = readFileSync(path);
  const offsets = [...Array(400).keys(), ...Array.from({ length: 60 }, (_, at) => Math.floor((whole.length / 60) * at)), ...Array.from({ length: 200 }, (_, at) => whole.length - 1 - at)];
  const outcomes = new Set<unknown>();
  for (const at of offsets) {
    const flipped = Buffer.from(whole);
    flipped[at]! ^= 0x40;
    writeFileSync(path, flipped);
    outcomes.add(`${at >= 8 && at < 24 ? 'key id' : 'elsewhere'}: ${String(await codeOf(readAll(store, 'a')))}`);
  }
  t.strictSame([...outcomes].sort(), ['elsewhere: VAULT_READ', 'key id: VAULT_KEYS']);
  const cuts = new Set<unknown>();
  for (const at of offsets) {
    writeFileSync(path, whole.subarray(0, at));
    cuts.add(await codeOf(readAll(store, 'a')));
  }
  t.strictSame([...cuts], ['VAULT_READ']);
  writeFileSync(path, Buffer.concat([whole, Buffer.from([0])]));
  t.equal(await codeOf(readAll(store, 'a')), 'VAULT_READ', 'something after its end');
  writeFileSync(path, whole);
  t.equal(await codeOf(readAll(store, 'a')), 'done');
});

t.test('an object whose last chunk is full takes nothing after it either', async (t) => {
  const root = t.testdir();
  const store = await openObjectStore(root, keys);
  await store.put('a', [pattern(2 * chunkBytes)]);
  t.equal(await codeOf(readAll(store, 'a')), 'done');
  writeFileSync(join(root, 'a'), 'x', { flag: 'a' });
  t.equal(await codeOf(readAll(store, 'a')), 'VAULT_READ');
});

t.test('an object cut between two chunks is not taken for a whole one', async (t) => {
  const root = t.testdir();
  const store = await openObjectStore(root, keys);
  await store.put('a', [pattern(3 * chunkBytes)]);
  const whole = readFileSync(join(root, 'a'));
  writeFileSync(join(root, 'a'), whole.subarray(0, 128 + 2 * (chunkBytes + 17)));
  const seen: number[] = [];
  await t.rejects(
    (async () => {
      for await (const piece of store.read('a')) seen.push(piece.length);
    })(),
    { code: 'VAULT_READ', facts: { name: 'a' } },
  );
  t.strictSame(seen, [chunkBytes, chunkBytes]);
});

t.test('plain bytes are nowhere at rest', async (t) => {
  const root = t.testdir();
  const store = await openObjectStore(root, keys);
  await store.put('a', [Buffer.from('the customer said her number is 4711')]);
  t.notOk(readFileSync(join(root, 'a')).includes('customer'));
});

t.test('a put that fails midway leaves what was there and nothing else', async (t) => {
  const root = t.testdir();
  const store = await openObjectStore(root, keys);
  await store.put('a', [Buffer.from('old')]);
  const broken = (function* () {
    yield pattern(200_000);
    throw new RangeError('the source broke');
  })();
  await t.rejects(store.put('a', broken), RangeError, 'the error of the source is passed on');
  t.equal((await readAll(store, 'a')).toString(), 'old');
  t.strictSame(readdirSync(join(root, '.tmp')), []);
});

t.test('a process killed in the middle of a put leaves nothing visible, and its remains are cleared', async (t) => {
  const root = t.testdir({ keys: {}, vault: {} });
  const own = await loadOrCreateKeys(join(root, 'keys'));
  const script = `
    const { loadOrCreateKeys, openObjectStore } = await import(${JSON.stringify(new URL('./index.js', import.meta.url).href)});
    const store = await openObjectStore(${JSON.stringify(join(root, 'vault'))}, await loadOrCreateKeys(${JSON.stringify(join(root, 'keys'))}));
    await store.put('recordings/a.wav', (async function* () {
      for (let i = 0; i < 20; i += 1) yield Buffer.alloc(65536);
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => setInterval(() => undefined, 1000));
    })());`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env: { PATH: process.env['PATH'] }, stdio: 'inherit' });
  const [, signal] = (await once(child, 'exit')) as [unknown, string];
  t.equal(signal, 'SIGKILL');
  const vault = join(root, 'vault');
  const remains = readdirSync(join(vault, '.tmp'));
  t.equal(remains.length, 1, 'it was in the middle');
  const store = await openObjectStore(vault, own);
  t.strictSame(await namesOf(store), []);
  t.equal(await codeOf(readAll(store, 'recordings/a.wav')), 'VAULT_READ');
  t.strictSame(readdirSync(join(vault, '.tmp')), remains, 'a young one may belong to a live process');
  const overAnHourAgo = Date.now() / 1000 - 3700;
  utimesSync(join(vault, '.tmp', remains[0]!), overAnHourAgo, overAnHourAgo);
  await openObjectStore(vault, own);
  t.strictSame(readdirSync(join(vault, '.tmp')), []);
});

t.test('documents come back, and a changed, swapped or missing one fails', async (t) => {
  const root = t.testdir();
  const store = await openObjectStore(root, keys);
  await store.putDocument('manifests/a.json', { b: 1, a: [true, null] });
  await store.putDocument('manifests/b.json', { b: 2 });
  t.strictSame(await store.readDocument('manifests/a.json'), { a: [true, null], b: 1 });
  t.match(await store.digest('manifests/a.json'), /^[0-9a-f]{64}$/);
  const path = join(root, 'manifests/a.json');
  const whole = readFileSync(path);
  writeFileSync(path, whole.toString().replace('"b":1', '"b":7'));
  await t.rejects(store.readDocument('manifests/a.json'), { code: 'VAULT_READ', message: /signature does not match/ });
  renameSync(join(root, 'manifests/b.json'), path);
  await t.rejects(store.readDocument('manifests/a.json'), { code: 'VAULT_READ', message: /signature does not match/ });
  await t.rejects(store.readDocument('manifests/b.json'), { code: 'VAULT_READ', message: /no such file/ });
  await store.put('o', []);
  await t.rejects(store.readDocument('o'), { code: 'VAULT_READ', message: /not a signed document/ });
  await t.rejects(readAll(store, 'manifests/a.json'), { code: 'VAULT_READ', message: /not a sealed object/ });
});

t.test('objects and documents of another vault are told from damaged ones', async (t) => {
  const root = t.testdir();
  const store = await openObjectStore(join(root, 'vault'), keys);
  await store.put('a', [Buffer.from('x')]);
  await store.putDocument('a.json', {});
  const other: VaultKeys = await loadOrCreateKeys(join(root, 'other'));
  const stranger = await openObjectStore(join(root, 'vault'), other);
  await t.rejects(readAll(stranger, 'a'), { code: 'VAULT_KEYS', message: /^a of the vault .* sealed for the keys/, facts: { name: 'a' } });
  await t.rejects(stranger.readDocument('a.json'), { code: 'VAULT_KEYS' });
});

t.test('list shows names below a prefix, in order, and nothing temporary or foreign', async (t) => {
  const root = t.testdir();
  const store = await openObjectStore(root, keys);
  for (const name of ['r/2026/11/21/b.wav', 'r/2026/11/21/a.wav', 'r/2026/12/01/c.wav', 'r/2025/a', 'm/r.json', 'rx']) await store.put(name, []);
  mkdirSync(join(root, '.tmp', 'r'));
  writeFileSync(join(root, '.tmp', 'left'), 'x');
  writeFileSync(join(root, 'r', '.tmp-1'), 'x');
  writeFileSync(join(root, 'r', 'not a name'), 'x');
  symlinkSync('/etc', join(root, 'r', 'etc'));
  t.strictSame(await namesOf(store, 'r/2026/11/'), ['r/2026/11/21/a.wav', 'r/2026/11/21/b.wav']);
  t.strictSame(await namesOf(store, 'r/2026/1'), ['r/2026/11/21/a.wav', 'r/2026/11/21/b.wav', 'r/2026/12/01/c.wav']);
  t.strictSame(await namesOf(store), ['m/r.json', 'r/2025/a', 'r/2026/11/21/a.wav', 'r/2026/11/21/b.wav', 'r/2026/12/01/c.wav', 'rx']);
  for (const none of ['x', 'r/2027/', '../', '/', '.tmp/', 'rx/']) t.strictSame(await namesOf(store, none), [], none);
});

t.test('remove removes, and once more does no harm', async (t) => {
  const store = await openObjectStore(t.testdir(), keys);
  await store.put('a/b', []);
  await store.remove('a/b');
  await store.remove('a/b');
  await store.remove('c/d/e');
  t.strictSame(await namesOf(store), []);
});

t.test('names that leave the vault are refused by every method', async (t) => {
  const root = t.testdir({ outside: 'x', vault: {} });
  const store = await openObjectStore(join(root, 'vault'), keys);
  for (const name of ['../outside', '/etc/passwd', 'a/../../outside', '.tmp/a', '', 'a\0']) {
    const shown = JSON.stringify(name);
    t.equal(await codeOf(store.put(name, [])), 'VAULT_WRITE', shown);
    t.equal(await codeOf(store.putDocument(name, {})), 'VAULT_WRITE', shown);
    t.equal(await codeOf(store.remove(name)), 'VAULT_WRITE', shown);
    t.equal(await codeOf(readAll(store, name)), 'VAULT_READ', shown);
    t.equal(await codeOf(store.digest(name)), 'VAULT_READ', shown);
    t.equal(await codeOf(store.readDocument(name)), 'VAULT_READ', shown);
  }
  symlinkSync(join(root, 'outside'), join(root, 'vault', 'link'));
  t.equal(await codeOf(store.digest('link')), 'VAULT_READ', 'nor does a link lead out');
  t.equal(readFileSync(join(root, 'outside'), 'utf8'), 'x');
});

t.test('a disk that refuses is a failure that says what to do', async (t) => {
  const root = t.testdir({ file: 'x' });
  t.equal(await codeOf(openObjectStore(join(root, 'file', 'vault'), keys)), 'VAULT_WRITE');
  const store = await openObjectStore(join(root, 'vault'), keys);
  await store.put('a', []);
  t.equal(await codeOf(store.put('a/b', [])), 'VAULT_WRITE', 'a file is where a folder should be');
  t.equal(await codeOf(store.digest('a/b')), 'VAULT_READ');
  t.strictSame(readdirSync(join(root, 'vault', '.tmp')), []);
  if (process.getuid?.() !== 0) {
    chmodSync(join(root, 'vault', '.tmp'), 0o500);
    await t.rejects(store.put('b', []), { code: 'VAULT_WRITE', message: /permission denied/ });
  }
});

t.test('a store and its sealers show no secrets', async (t) => {
  const store = await openObjectStore(t.testdir(), keys);
  const sealer = await createSealer(keys.public);
  t.equal(inspect(store, { showHidden: true, depth: null }), 'FolderStore {}');
  sealer.close();
});
