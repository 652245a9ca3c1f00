/**
 * SIPp calls through a fleet, a fault in their middle, and what their recordings hold of what was sent.
 *
 * Owns       the counting of what is missing, sample by sample, and of how long it took.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Found, Listed } from '../../src/ledger/index.js';
import { tune } from '../../src/testcall/index.js';
import { audioOf, channelsOf, compare, writeCapture } from '../support/audio.js';
import { askApi, listed, metric, until } from '../support/product.js';
import { sippMediaPort } from '../support/ports.js';
import { runSipp } from '../support/sipp.js';
import type { Fleet } from './fleet.js';

export interface RoundOptions {
  readonly calls: number;
  /** Of each party's voice. */
  readonly seconds: number;
  /** Once all calls run: resolves when the recorders have them. */
  readonly ready: () => Promise<void>;
  readonly inject: () => Promise<void>;
  /** When the calls are over; the recordings are waited for after that. */
  readonly undo: () => Promise<void>;
  /** Which of the two pairs of media ports of SIPp. */
  readonly round: number;
  /** Nobody can give what is missing: it is not waited for. */
  readonly beyondHealing?: boolean;
}

export interface RoundResult {
  readonly recordings: readonly Listed[];
  /** Of each recording, of both sides together; a recording that is not there misses all. */
  readonly missingMs: readonly number[];
  /** Of each call that another recorder took over: from the fault until it was noticed, and until that recorder had the call. */
  readonly noticedMs: readonly number[];
  readonly takenOverMs: readonly number[];
  /** What is not as it should be, a line each. */
  readonly faults: readonly string[];
}

/** All processes of the fleet and SIPp share a machine: at more, the edge begins to refuse calls for its load. */
const ratePerSecond = 25;
/** SIPp's voice may lag behind its clock on a busy machine. */
const lagMs = 1_500;
const settledWithinMs = 120_000;
const healedWithinMs = 15_000;

/** @throws Error when a call fails, or a recording is not made. */
export async function placeRound({ proxy, relays, sipHost, log }: Fleet, { calls, seconds, ready, inject, undo, round, beyondHealing = false }: RoundOptions): Promise<RoundResult> {
  const relayedBefore = await relayed(proxy);
  const before = new Set((await listed(proxy)).map(({ sessionId }) => sessionId));
  const voices = await Promise.all((['caller', 'callee'] as const).map(async (side) => {
    const file = join(proxy.dir, `${side}.pcap`);
    await writeCapture(file, seconds * 50, tune(side));
    return { file, audio: await audioOf(file) };
  }));
  const [caller, callee] = voices;
  const logFrom = log().length;
  const common = { calls, rate: ratePerSecond, dir: proxy.dir };
  const ends = [
    runSipp({ ...common, scenario: 'uas-audio', port: proxy.nextHopPort, mediaPort: sippMediaPort(round % 2 === 0 ? 0 : 2), values: { CAPTURE: callee?.file ?? '' } }),
    runSipp({ ...common, scenario: 'uac-audio', remote: `${sipHost}:${proxy.sipPort}`, port: proxy.sipPort + 1, mediaPort: sippMediaPort(round % 2 === 0 ? 1 : 3), values: { CAPTURE: caller?.file ?? '', CAPTURE_MS: String(seconds * 1_000 + lagMs) } }),
  ];
  const done = Promise.all(ends.map((end) => end.done));
  // SIPp that fails says why; calls that do not come any more are not waited for.
  const failed = done.then(() => new Promise<never>(() => undefined));
  failed.catch(() => undefined);
  let faultAtMs = 0;
  try {
    await Promise.race([failed, until(async () => (await metric(proxy, 'twintrack_calls_active')) === calls, `${calls} calls run`)]);
    await ready();
    faultAtMs = Date.now();
    await inject();
    await done;
  } finally {
    for (const end of ends) end.stop();
  }
  await until(async () => (await metric(proxy, 'twintrack_calls_active')) === 0, 'all calls have ended');
  await undo();
  let recordings: readonly Listed[] = [];
  const settled = async (states: (state: Listed['state']) => boolean, withinMs: number): Promise<void> =>
    until(async () => {
      recordings = (await listed(proxy).catch(() => [])).filter(({ sessionId }) => !before.has(sessionId));
      return recordings.length === calls && recordings.every(({ state }) => states(state));
    }, `${calls} recordings`, withinMs);
  await settled((state) => state !== 'pending', settledWithinMs);
  // What a recorder had and could not give is given by now, and healed in.
  if (!beyondHealing) await settled((state) => state === 'complete', healedWithinMs).catch(() => undefined);

  const faults: string[] = [];
  const sent = calls * seconds * 50 * 2;
  const passedOn = (await relayed(proxy)) - relayedBefore;
  if (relays && passedOn < sent) faults.push(`of ${sent} packets that SIPp has, ${sent - passedOn} did not come to the relay`);
  const missingMs: number[] = [];
  for (const { sessionId, state, reason } of recordings) {
    if (state !== 'complete') faults.push(`${sessionId} is ${state}: ${reason}`);
    const missing = await missingOf(proxy, sessionId, voices.map(({ audio }) => audio));
    missingMs.push(missing.ms);
    if (missing.ms > 0) faults.push(`${sessionId} lacks ${missing.ms} ms: ${missing.where.join(', ')}`);
  }
  const lines = log().slice(logFrom).split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as { time: string | number; message: string; sessionId?: string }] : []));
  const timesOf = (what: string): number[] => lines.filter(({ message }) => message.startsWith(what)).map(({ time }) => new Date(time).getTime() - faultAtMs);
  return { recordings, missingMs, noticedMs: timesOf('a recorder failed'), takenOverMs: timesOf('another recorder has taken over'), faults };
}

/** Packets of media that both parties have sent. */
const relayed = async (proxy: Fleet['proxy']): Promise<number> =>
  (await Promise.all(['caller-to-callee', 'callee-to-caller'].map((direction) => metric(proxy, `twintrack_relay_packets_total{direction="${direction}"}`)))).reduce((sum, packets) => sum + packets, 0);

async function missingOf(proxy: Fleet['proxy'], sessionId: string, voices: readonly Int16Array[]): Promise<{ readonly ms: number; readonly where: readonly string[] }> {
  const { report, channels } = await recordingOf(proxy, sessionId);
  let ms = 0;
  const where: string[] = [];
  for (const [n, voice] of voices.entries()) {
    const channel = channels[n] ?? new Int16Array(0);
    const from = Math.round((report?.channels[n]?.offsetMs ?? 0) * 8);
    const { identical } = compare(channel, from, voice);
    if (identical === voice.length) continue;
    ms += (voice.length - identical) / 8;
    const differs = (sample: number, at: number): boolean => channel[from + at] !== sample;
    where.push(`${n === 0 ? 'caller' : 'callee'} from ${voice.findIndex(differs) / 8} to ${(voice.findLastIndex(differs) + 1) / 8} of ${voice.length / 8}`);
  }
  return { ms, where };
}

/** Another may take its place while it is fetched, which has in it what a recorder has given meanwhile. */
async function recordingOf(proxy: Fleet['proxy'], sessionId: string): Promise<{ readonly report: Found['report']; readonly channels: readonly Int16Array[] }> {
  const found = async (): Promise<Found> => (await (await askApi(proxy, `/v1/recordings/${sessionId}`)).json()) as Found;
  const wav = join(proxy.dir, 'recording.wav');
  for (let before = await found(); ; ) {
    const response = await askApi(proxy, `/v1/recordings/${sessionId}/audio`);
    await writeFile(wav, Buffer.from(await response.arrayBuffer()));
    const channels = response.ok ? await channelsOf(wav) : [];
    const after = await found();
    if (JSON.stringify(after) === JSON.stringify(before)) return { report: after.report, channels };
    before = after;
  }
}
