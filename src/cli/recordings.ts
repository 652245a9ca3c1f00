/** list, show, export, verify: what people do with recordings. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Library, Verification } from '../api/index.js';
import { Failure, messageOf } from '../errors/index.js';
import type { Found, Listed, ListFilter, ReportChannel } from '../ledger/index.js';
import type { AudioFormat } from '../media/index.js';
import { reencoded } from '../stitch/index.js';
import { print, printJson, progress, seconds, table, when } from './terminal.js';

export async function list(library: Library, filter: ListFilter, json: boolean): Promise<void> {
  const found = await library.list(filter);
  if (json) {
    printJson(found);
    return;
  }
  if (found.length === 0) {
    print(filter.tag === undefined ? 'No calls yet. `twintrack call` places one.' : 'No call has that tag.');
    return;
  }
  print(table(['STARTED (UTC)', 'LENGTH', 'STATE', 'CALLER', 'CALLEE', 'SESSION ID'], found.map(row)));
}

const row = (one: Listed): string[] => [
  when(one.startedAtMs),
  one.durationMs === undefined ? '-' : seconds(one.durationMs),
  one.state,
  one.caller,
  one.callee,
  one.sessionId,
];

export async function show(library: Library, id: string, json: boolean): Promise<void> {
  const found = await known(library, id);
  if (json) printJson(documentOf(found));
  else print(textOf(found));
}

/** The report, as people and scripts rely on it, with what the ledger knows of the calls beside it. */
function documentOf(found: Found): object {
  const { report, calls } = found;
  if (report !== undefined) return { ...report, calls };
  const { sessionId, state, reason, startedAtMs, captures } = found;
  return { sessionId, startedAt: new Date(startedAtMs).toISOString(), durationMs: 0, state, reason, captures, channels: [], calls };
}

function textOf(found: Found): string {
  const { report } = found;
  const lines = [
    `session    ${found.sessionId}`,
    ...(found.recordingId === undefined ? [] : [`recording  ${found.recordingId}`]),
    `state      ${found.state}: ${found.reason}`,
    `started    ${when(found.startedAtMs)} UTC`,
    ...(report === undefined ? [] : [`length     ${seconds(report.durationMs)}`]),
    `caller     ${found.caller}`,
    `callee     ${found.callee}`,
    ...(found.retention === undefined ? [] : [`retention  ${found.retention.class}${found.retention.untilMs === undefined ? '' : `, until ${when(found.retention.untilMs)} UTC`}`]),
    ...Object.entries(found.tags ?? {}).map(([name, value]) => `tag        ${name} = ${value}`),
    ...found.calls.flatMap(({ announced }) => (announced === undefined ? [] : [`told       ${announced}`])),
    ...(report?.keysRefused ?? []).map((why) => `keys       ${why}`),
    ...(report?.captures ?? []).map((capture) => `capture    ${capture.recorder}, ${capture.from} to ${capture.to}, ${capture.state}${capture.pairedBy === undefined ? '' : `, paired by ${capture.pairedBy}`}`),
  ];
  if (report !== undefined) {
    lines.push('', table(['CHANNEL', 'CODEC', 'SRTP', 'STARTS', 'LENGTH', 'PACKETS', 'LOST', 'JITTER', 'GAPS'], report.channels.map(channelRow)));
    report.channels.forEach((channel, at) => {
      for (const gap of channel.gaps) lines.push(`  gap in ${sideName(at)} at ${seconds(gap.atMs)}: ${gap.ms.toFixed(0)} ms, ${gap.cause}`);
    });
  }
  return lines.join('\n');
}

const sideName = (at: number): string => ['left (caller)', 'right (callee)'][at] ?? `channel ${at + 1}`;

const channelRow = (channel: ReportChannel, at: number): string[] => [
  sideName(at),
  channel.codec === '' ? '-' : channel.codec,
  channel.encrypted ? 'yes' : 'no',
  seconds(channel.offsetMs),
  seconds(channel.durationMs),
  `${channel.packetsReceived} of ${channel.packetsExpected}`,
  String(channel.packetsLost),
  `${channel.jitterMs.toFixed(1)} ms`,
  String(channel.gaps.length),
];

/** Written under another name first: a file of that name is whole. Without a format it is as it rests. */
export async function exportAudio(library: Library, id: string, file: string, format: AudioFormat | undefined): Promise<void> {
  const audio = await library.audio(id);
  const bytes = format === undefined ? audio.bytes : reencoded({ ...audio, report: (await known(library, id)).report }, format);
  const unfinished = `${file}.part`;
  try {
    await pipeline(Readable.from(bytes), createWriteStream(unfinished, { mode: 0o600 }));
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    if (error instanceof Failure) throw error;
    throw new Failure('AUDIO_UNUSABLE', `${file} cannot be written: ${messageOf(error)}`, { cause: error });
  }
  print(`${file}: the recording in clear. It is not protected any more, see to it.`);
}

export async function verify(library: Library, ids: readonly string[], json: boolean): Promise<boolean> {
  const results: Verification[] = [];
  for (const [at, id] of ids.entries()) {
    if (ids.length > 1) progress(`${at + 1} of ${ids.length}`);
    results.push(await library.verify(id));
  }
  if (json) printJson(results);
  else for (const result of results) print(verdict(result));
  const bad = results.filter((result) => !result.ok).length;
  if (!json && results.length !== 1) print(`${results.length - bad} of ${results.length} recordings are untouched.`);
  return bad === 0;
}

const verdict = (result: Verification): string =>
  [
    `${result.id}: ${result.ok ? 'untouched' : 'NOT AS IT WAS MADE'}`,
    ...result.checks.map((check) => `  ${check.ok ? 'ok ' : 'BAD'} ${check.name}${check.detail === '' ? '' : `: ${check.detail}`}`),
  ].join('\n');

/** Every recording there is, newest first; sessions without one have nothing to verify. */
export async function allRecordings(library: Library): Promise<string[]> {
  const ids: string[] = [];
  let page = await library.list({ limit: pageSize });
  while (page.length > 0) {
    for (const one of page) if (one.recordingId !== undefined && (one.state === 'complete' || one.state === 'partial')) ids.push(one.recordingId);
    const last = page.at(-1);
    page = last === undefined ? [] : await library.list({ limit: pageSize, before: last.startedAtMs, beforeSession: last.sessionId });
  }
  return ids;
}

const pageSize = 200;

async function known(library: Library, id: string): Promise<Found> {
  const found = await library.find(id);
  if (found === undefined) throw new Failure('RECORDING_UNKNOWN', `there is no recording or session ${id}: \`twintrack list\` shows what there is`);
  return found;
}
