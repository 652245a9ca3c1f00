/**
 * SRTP keys that come by themselves, after the call, by the command line: what was recorded and could not be read is
 * then what was said, sample for sample. And wherever keys pass, none of them can be found afterwards.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { encodeCryptoLine, type CryptoLine } from '../../src/media/index.js';
import { placeTestCall, tune, type TestCallResult } from '../../src/testcall/index.js';
import { compare } from '../support/audio.js';
import { startProduct, twintrack, twintrackWith, until } from '../support/product.js';
import { listedOnce, recordingOf, reportOf } from '../support/recordings.js';
import { openWorkspace, type Workspace } from '../support/workspace.js';

interface EncryptedCall extends TestCallResult {
  readonly keys: Readonly<Record<'caller' | 'callee', CryptoLine>>;
}

async function encryptedCall(workspace: Workspace, seconds: number): Promise<EncryptedCall> {
  const keys: Partial<Record<'caller' | 'callee', CryptoLine>> = {};
  const result = await placeTestCall({
    to: `sip:callee@127.0.0.1:${workspace.nextHopPort}`,
    answerAt: `sip:127.0.0.1:${workspace.nextHopPort}`,
    via: `sip:127.0.0.1:${workspace.sipPort}`,
    codec: 'PCMU',
    voices: { caller: tune('caller'), callee: tune('callee') },
    srtp: 'AES_CM_128_HMAC_SHA1_80',
    onKey: (end, key) => (keys[end] = key),
    seconds,
  });
  return { ...result, keys: keys as EncryptedCall['keys'] };
}

/** Where any file below the folder, or any of the texts, has the key: raw, in hex, or in base64 of any kind. */
async function findKey({ keySalt }: CryptoLine, dir: string, texts: Readonly<Record<string, string | Buffer>>): Promise<string[]> {
  const base64 = keySalt.toString('base64').replaceAll('=', '');
  const forms = [keySalt, keySalt.subarray(0, 16), ...[base64, keySalt.toString('base64url'), keySalt.toString('hex'), keySalt.toString('hex').toUpperCase(), base64.slice(0, 20)].map((text) => Buffer.from(text))];
  const holds = (bytes: Buffer): boolean => forms.some((form) => bytes.includes(form));
  const found = Object.entries(texts).filter(([, text]) => holds(Buffer.from(text))).map(([name]) => name);
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && holds(await readFile(path))) found.push(path);
  }
  return found;
}

const metricsOf = async ({ httpPort }: Workspace): Promise<string> => (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();

t.test('keys sent after the call make its recording whole; wrong ones are told, and make no noise', { timeout: 120_000 }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  await writeFile(workspace.configFile, (await readFile(workspace.configFile, 'utf8')).replace('recording: {recorder:', 'recording: {keys: none, recorder:'));
  const product = await startProduct(workspace, { nodeOptions: ['--report-on-signal', `--report-directory=${workspace.dir}`] });
  t.teardown(() => product.kill());
  const call = await encryptedCall(workspace, 1);
  const { sessionId, keys } = call;
  await listedOnce(workspace, sessionId, 'lost');
  t.match(await reportOf(workspace, sessionId), { reason: /50 packets of the caller are encrypted and no key is known; 50 packets of the callee/u });

  const seal = async (key: CryptoLine, ...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await twintrackWith(workspace, `a=crypto:${encodeCryptoLine(key)}\n`, 'keys', 'seal', '--session', sessionId, ...args);
    t.equal(status, 0, stderr);
    return stdout;
  };
  const send = async (sealed: string): Promise<void> => {
    const { status, stdout, stderr } = await twintrackWith(workspace, sealed, 'keys', 'send', '--session', sessionId);
    t.match({ status, stdout }, { status: 0, stdout: /1 sent; the session has \d/u }, stderr);
  };

  await send(await seal({ ...keys.caller, keySalt: Buffer.alloc(30, 1) }));
  await until(async () => (await reportOf(workspace, sessionId))?.channels[0]?.authFailures === 50, 'the wrong key to be told');
  t.match(await reportOf(workspace, sessionId), { state: 'lost', reason: /50 packets of the caller could not be decrypted/u });

  const sealed = [await seal(keys.caller, '--for', 'caller'), await seal(keys.callee)];
  await send(sealed[0] ?? '');
  await listedOnce(workspace, sessionId, 'partial');
  await send(sealed[1] ?? '');
  await listedOnce(workspace, sessionId, 'complete');
  const { report, channels } = await recordingOf(workspace, sessionId);
  for (const [at, side] of (['caller', 'callee'] as const).entries()) {
    const { sent } = call[side];
    t.strictSame(compare(channels[at] ?? new Int16Array(), Math.round((report.channels[at]?.offsetMs ?? 0) * 8), sent), { identical: sent.length, silentElsewhere: true }, side);
  }

  t.match(await twintrackWith(workspace, 'no key', 'keys', 'seal', '--session', sessionId), { status: 1, stderr: /line 1 is no crypto line/u });
  t.match(await twintrackWith(workspace, 'no key', 'keys', 'send', '--session', sessionId), { status: 1, stderr: /not what `twintrack keys seal` prints/u });
  t.equal((await twintrack(workspace, 'keys', 'seal')).status, 2);

  product.signal('SIGUSR2');
  await until(async () => (await readdir(workspace.dir)).some((file) => file.startsWith('report.')), 'a diagnostic report');
  const texts = { metrics: await metricsOf(workspace), arguments: await readFile(`/proc/${product.pid}/cmdline`), sealed: sealed.join('') };
  t.equal(await product.stop(), 0);
  for (const key of [keys.caller, keys.callee]) t.strictSame(await findKey(key, workspace.dir, { ...texts, log: product.log() }), []);
});

t.test('keys that went with the recording session are nowhere to be found either', { timeout: 60_000 }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  await writeFile(workspace.configFile, `${await readFile(workspace.configFile, 'utf8')}log: {level: debug}\n`);
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const { sessionId, keys } = await encryptedCall(workspace, 0.5);
  await listedOnce(workspace, sessionId, 'complete');
  const metrics = await metricsOf(workspace);
  t.equal(await product.stop(), 0);
  for (const key of [keys.caller, keys.callee]) t.strictSame(await findKey(key, workspace.dir, { metrics, log: product.log() }), []);
  await writeFile(join(workspace.dir, 'planted'), `x${keys.caller.keySalt.toString('hex')}x`);
  t.strictSame(await findKey(keys.caller, workspace.dir, {}), [join(workspace.dir, 'planted')], 'one that is there is found');
});
