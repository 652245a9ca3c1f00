/** `twintrack ingest`: recordings out of packet captures. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { stderr, stdout } from 'node:process';
import type { Config } from '../config/index.js';
import { Failure, messageOf } from '../errors/index.js';
import { ingest as ingestFiles, parseKeysFile, type GivenKey, type IngestedCall, type IngestProgress, type IngestSummary, type RtpRule } from '../ingest/index.js';
import { sitePaths } from '../roles/index.js';
import { loadExistingKeys, openAnySessionKey } from '../vault/index.js';
import { print, seconds, when } from './terminal.js';

export interface IngestCommand {
  readonly keys?: string;
  readonly rtp: readonly RtpRule[];
  readonly out: string;
  readonly json: boolean;
}

const othersMayRead = 0o077;
const unclaimedShown = 10;

/** @param config where the vault's keys are, for keys that were sealed to it. @returns whether there was a call */
export async function ingest(files: readonly string[], options: IngestCommand, config: () => Promise<Config>): Promise<boolean> {
  const keys = options.keys === undefined ? [] : await loadKeys(options.keys, config);
  const meter = new Meter();
  const document = options.json ? new CallsDocument() : undefined;
  let removeWork = (): void => undefined;
  const stop = (signal: NodeJS.Signals): void => {
    removeWork();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const summary = await ingestFiles({
      files,
      outDir: options.out,
      keys,
      rules: options.rtp,
      onCall: (call) => {
        meter.clear();
        if (document === undefined) print(lineOf(call));
        else document.add(call);
      },
      onProgress: (progress) => meter.show(progress),
      onWorkspace: (remove) => (removeWork = remove),
    });
    meter.clear();
    tell(summary, options.out);
    document?.end(summary);
    return summary.calls > 0;
  } finally {
    meter.clear();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

async function loadKeys(path: string, config: () => Promise<Config>): Promise<readonly GivenKey[]> {
  const { text, mode } = await readKeys(path);
  if ((mode & othersMayRead) !== 0) stderr.write(`${path}: other users may use these keys (mode ${(mode & 0o777).toString(8)}). Run: chmod 600 ${path}\n`);
  const parsed = parseKeysFile(text);
  if (typeof parsed === 'string') throw new Failure('KEYS_UNUSABLE', `${path}: ${parsed}`);
  if (parsed.sealed.length === 0) return parsed.keys;
  const vaultKeys = await loadExistingKeys(sitePaths(await config()).keys);
  const opened: GivenKey[] = [];
  for (const [at, box] of parsed.sealed.entries()) {
    const key = await openAnySessionKey(box, vaultKeys);
    if (typeof key === 'string') throw new Failure('KEYS_UNUSABLE', `${path}: key ${at + 1} ${key}`);
    opened.push({ sessionId: key.sessionId, crypto: key.crypto, ...(key.for === undefined ? {} : { side: key.for }) });
  }
  return opened;
}

/** From one descriptor, so that what is read is what was looked at. */
async function readKeys(path: string): Promise<{ readonly text: string; readonly mode: number }> {
  try {
    const handle = await open(path, 'r');
    try {
      return { mode: (await handle.stat()).mode, text: await handle.readFile('utf8') };
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new Failure('KEYS_UNUSABLE', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

const lineOf = ({ startedAt, durationMs, state, reason, channels, audioFile, reportFile }: IngestedCall): string =>
  `${when(Date.parse(startedAt))}  ${seconds(durationMs).padStart(9)}  ${state.padEnd(8)}  ${channels[0]?.party || '?'} → ${channels[1]?.party || '?'}  ${audioFile === '' ? reportFile : audioFile}  (${reason})`;

/** What a person has to know beside the calls: on standard error, so that scripts read calls alone. */
function tell({ files, calls, lostWords, unclaimed }: IngestSummary, out: string): void {
  const lines = [...files.flatMap(({ path, lost }) => (lost === undefined ? [] : [`${path}: ${lost}`])), ...lostWords];
  if (unclaimed.length > 0) {
    lines.push(`${unclaimed.length} RTP streams belong to no call that was seen; --rtp or --keys says what they are:`);
    for (const { from, to, ssrc, payloadType, packets } of unclaimed.slice(0, unclaimedShown)) lines.push(`  ${from} → ${to}  SSRC ${ssrc}, payload type ${payloadType}, ${packets} packets`);
    if (unclaimed.length > unclaimedShown) lines.push(`  and ${unclaimed.length - unclaimedShown} more (--json lists them)`);
  }
  if (calls === 0) lines.push('There is no call in it: neither SIP with an INVITE, nor RTP that --rtp or --keys names.');
  else lines.push(`${calls} ${calls === 1 ? 'call' : 'calls'}. What is in ${join(out, '.')} is in clear: see to it.`);
  stderr.write(`${lines.join('\n')}\n`);
}

/** One JSON document, a call at a time: thousands of them need no memory. */
class CallsDocument {
  #count = 0;

  constructor() {
    stdout.write('{\n"calls": [');
  }

  add(call: IngestedCall): void {
    stdout.write(`${this.#count === 0 ? '' : ','}\n${JSON.stringify(call)}`);
    this.#count += 1;
  }

  end({ files, packets, lost, unclaimed }: IngestSummary): void {
    stdout.write(`\n],\n"files": ${JSON.stringify(files)},\n"packets": ${packets},\n"lost": ${JSON.stringify(lost)},\n"unclaimed": ${JSON.stringify(unclaimed)}\n}\n`);
  }
}

const showEveryMs = 250;

/** How far it is, on a terminal. */
class Meter {
  readonly #startedAt = performance.now();
  #shownAt = 0;
  #shown = false;

  show({ bytesRead, bytes, packets, calls }: IngestProgress): void {
    const now = performance.now();
    if (!stderr.isTTY || now - this.#shownAt < showEveryMs) return;
    this.#shownAt = now;
    this.#shown = true;
    const elapsed = (now - this.#startedAt) / 1_000;
    const percent = bytes === 0 ? 100 : Math.min(100, Math.floor((bytesRead * 100) / bytes));
    stderr.write(`\r\u001b[K${percent} %  ${(bytesRead / 1e6 / elapsed).toFixed(0)} MB/s  ${Math.round(packets / elapsed)} packets/s  ${calls} calls`);
  }

  clear(): void {
    if (this.#shown) stderr.write('\r\u001b[K');
    this.#shown = false;
  }
}
