/**
 * `npm run bench -- srtp`: CPU to unprotect a packet of SRTP, beside libsrtp (in C, with OpenSSL) and werift-rtp (in
 * JavaScript). docs/bench.md says how to read it.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median, rounded, type Bench, type BenchContext, type BenchOptions, type BenchOutcome } from '../bench.js';

const exec = promisify(execFile);

const suites = ['AES_CM_128_HMAC_SHA1_80', 'AES_256_CM_HMAC_SHA1_80', 'AEAD_AES_128_GCM', 'AEAD_AES_256_GCM'] as const;
type Suite = (typeof suites)[number];
const weriftSuites: readonly Suite[] = ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM'];
/** Below one wrap of the sequence number, which werift-rtp cannot be relied on for. */
const packets = 60_000;
const [warmUpRounds, rounds, turns] = [2, 3, 3];
const weriftVersion = '0.8';

const promised = (suite: Suite, peer: string): number => (peer === 'werift-rtp' ? 0.1 : suite.startsWith('AEAD') ? 3 : 2);

/** Ours, by JavaScript and WebAssembly alone: told, and promised nothing. */
const withoutKoffi = 'without koffi';

type Measure = (suite: Suite) => Promise<readonly number[]>;

const figuresIn = (stdout: string): readonly number[] => stdout.trim().split('\n').slice(warmUpRounds).map(Number);
const subject = fileURLToPath(new URL('./srtp-subject.js', import.meta.url));
const wanted = (suite: Suite): string[] => [suite, String(packets), String(warmUpRounds + rounds)];

/** Compiles our C program against a libsrtp; says why not where it cannot. */
async function compiled(dir: string, signal: AbortSignal): Promise<{ readonly program: string; readonly version: string } | string> {
  const prefix = process.env['TWINTRACK_LIBSRTP_PREFIX'];
  if (spawnSync('cc', ['--version']).error !== undefined) return 'there is no C compiler: libsrtp is left out';
  const found = prefix === undefined ? spawnSync('pkg-config', ['--cflags', '--libs', 'libsrtp2'], { encoding: 'utf8' }) : undefined;
  if (prefix === undefined && found?.status !== 0) return 'there is no libsrtp2: install it (Debian: libsrtp2-dev, pkg-config), or better name one that was built with OpenSSL in TWINTRACK_LIBSRTP_PREFIX';
  const where = prefix === undefined ? (found?.stdout ?? '').trim().split(/\s+/u) : [`-I${join(prefix, 'include')}`, `-L${join(prefix, 'lib')}`, `-Wl,-rpath,${join(prefix, 'lib')}`, '-lsrtp2'];
  const program = join(dir, 'libsrtp-unprotect');
  const source = fileURLToPath(new URL('../../../bench/srtp/libsrtp-unprotect.c', import.meta.url));
  try {
    await exec('cc', ['-O2', '-o', program, source, ...where], { signal });
  } catch (error) {
    return `the program that measures libsrtp does not compile: ${String((error as { stderr?: string }).stderr ?? error).split('\n')[0]}`;
  }
  return { program, version: prefix === undefined ? 'of the system' : `in ${prefix}` };
}

/** Installs werift-rtp in a folder of its own, where a registry is at hand. */
async function werift(dir: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    await exec('npm', ['install', '--prefix', dir, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', `werift-rtp@${weriftVersion}`], { signal, timeout: 60_000 });
    return dir;
  } catch {
    return undefined;
  }
}

async function run(_options: BenchOptions, { signal, progress }: BenchContext): Promise<BenchOutcome> {
  const dir = await mkdtemp(join(tmpdir(), 'twintrack-bench-'));
  const notes: string[] = [];
  const versions: Record<string, string> = {};
  const subjects: Record<string, { readonly suites: readonly Suite[]; readonly measure: Measure }> = {
    twintrack: { suites, measure: async (suite) => figuresIn((await exec(process.execPath, [subject, ...wanted(suite)], { signal })).stdout) },
    [withoutKoffi]: { suites, measure: async (suite) => figuresIn((await exec(process.execPath, [subject, ...wanted(suite), 'without-koffi'], { signal })).stdout) },
  };
  try {
    const libsrtp = await compiled(dir, signal);
    if (typeof libsrtp === 'string') notes.push(libsrtp);
    else {
      versions['libsrtp'] = libsrtp.version;
      subjects['libsrtp'] = { suites, measure: async (suite) => figuresIn((await exec(libsrtp.program, wanted(suite), { signal })).stdout) };
    }
    const weriftDir = await werift(dir, signal);
    if (weriftDir === undefined) notes.push('werift-rtp could not be installed: it is left out');
    else {
      versions['werift-rtp'] = weriftVersion;
      subjects['werift-rtp'] = { suites: weriftSuites, measure: async (suite) => figuresIn((await exec(process.execPath, [subject, ...wanted(suite), weriftDir], { signal })).stdout) };
    }
    const measured = new Map<string, number[]>();
    for (let turn = 0; turn < turns; turn += 1) {
      for (const [name, { suites: had, measure }] of Object.entries(subjects)) {
        for (const suite of had) {
          const key = `${name} ${suite}`;
          measured.set(key, [...(measured.get(key) ?? []), ...(await measure(suite))]);
          progress(`${key}: ${median(measured.get(key) ?? []).toFixed(2)} µs`);
        }
      }
    }
    return report(new Map([...measured].map(([key, all]) => [key, rounded(median(all), 2)])), Object.keys(subjects), versions, notes);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function report(us: ReadonlyMap<string, number>, names: readonly string[], versions: Readonly<Record<string, string>>, notes: readonly string[]): BenchOutcome {
  const ratios: Record<string, number> = {};
  const failures: string[] = [];
  for (const suite of suites) {
    for (const name of names.slice(1).filter((one) => one !== withoutKoffi)) {
      const [own, peer] = [us.get(`twintrack ${suite}`), us.get(`${name} ${suite}`)];
      if (own === undefined || peer === undefined) continue;
      const ratio = rounded(own / peer, 2);
      ratios[`${suite}/${name}`] = ratio;
      if (ratio > promised(suite, name)) failures.push(`${suite}: ${ratio} times ${name}'s CPU, at most ${promised(suite, name)} is promised`);
    }
  }
  const figures = Object.fromEntries(suites.map((suite) => [suite, Object.fromEntries(names.flatMap((name) => (us.has(`${name} ${suite}`) ? [[name, us.get(`${name} ${suite}`) ?? 0]] : [])))]));
  return {
    figures, ratios, versions, notes, failures,
    tables: [{ title: 'CPU µs to unprotect a packet of 172 octets', columns: ['', ...names], rows: suites.map((suite) => [suite, ...names.map((name) => us.get(`${name} ${suite}`)?.toFixed(2) ?? '')]) }],
  };
}

export const srtp: Bench = {
  name: 'srtp',
  summary: 'a packet of SRTP unprotected: CPU, beside libsrtp and werift-rtp',
  options: {},
  help: ['TWINTRACK_LIBSRTP_PREFIX=DIR   a libsrtp2 built with OpenSSL, in place of that of the system'],
  run,
};
