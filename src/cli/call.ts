/** `twintrack call`: a test call, and the proof that its recording is what was said. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Library } from '../api/index.js';
import type { Config } from '../config/index.js';
import { Failure, messageOf } from '../errors/index.js';
import type { Report } from '../ledger/index.js';
import { parseWav, type SrtpSuite } from '../media/index.js';
import { hostPort } from '../sip/index.js';
import { matchChannel, placeTestCall, tune, voicesOf, type ChannelMatch, type TestCallResult, type TestCodec } from '../testcall/index.js';
import { openLibrary } from './library.js';
import { print, printJson, progress, seconds } from './terminal.js';

export interface CallOptions {
  readonly to?: string;
  readonly via?: string;
  readonly srtp?: SrtpSuite;
  readonly codec: TestCodec;
  readonly seconds?: number;
  readonly wav?: string;
  readonly json: boolean;
}

interface Proof {
  readonly report: Report;
  readonly caller: ChannelMatch;
  readonly callee: ChannelMatch;
  /** How much later the callee began: as sent, and as recorded, in samples. */
  readonly offsetSent: number;
  readonly offsetRecorded: number;
}

const recordingWithinMs = 20_000;
const framesPerMs = 8;

/** @returns whether the call and its recording are as they should be. */
export async function call(config: Config, options: CallOptions): Promise<boolean> {
  const played = options.wav === undefined ? undefined : voicesOf(await readAudio(options.wav), options.wav);
  const result = await placeTestCall({
    to: options.to ?? nextHopOf(config).replace(/^sip:([^@]*)$/, 'sip:callee@$1'),
    // Of another machine's proxy we do not know where its trunks lead: there the URI says it.
    answerAt: options.via !== undefined && options.to !== undefined ? options.to : nextHopOf(config),
    via: viaUri(options.via ?? proxyOf(config)),
    // Both ends are ours: what proves the proxy proves them.
    tls: config.sip.tls,
    srtp: options.srtp,
    codec: options.codec,
    seconds: options.seconds ?? played?.seconds ?? 5,
    voices: played ?? { caller: tune('caller'), callee: tune('callee') },
    onConnected: (sessionId) => progress(`connected, session ${sessionId}`),
  });
  if (!options.json) printCall(result);
  const proof = await prove(config, result);
  if (options.json) printJson(document(result, proof));
  else printProof(result.sessionId, proof);
  return wentThrough(result) && isProven(proof);
}

async function readAudio(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new Failure('AUDIO_UNUSABLE', `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

const nextHopOf = (config: Config): string => {
  const [trunk] = config.trunks;
  if (trunk === undefined) throw new Failure('CALL_FAILED', 'the configuration has no trunk: say where with --to');
  const [hop] = trunk.nextHops ?? [];
  const uri = trunk.nextHop ?? hop?.uri;
  if (uri === undefined) throw new Failure('CALL_FAILED', `the calls of trunk ${trunk.name} go by routes: say where with --to`);
  return uri;
};

function proxyOf(config: Config): string {
  const [listen] = (['udp', 'tcp', 'tls'] as const).flatMap((transport) => config.sip.listen.filter((one) => one.transport === transport));
  if (listen === undefined) throw new Failure('CALL_FAILED', 'the configuration does not say where the proxy listens: say it with --via');
  return `${hostPort(listen.host, listen.port)}${listen.transport === 'udp' ? '' : `;transport=${listen.transport}`}`;
}

const viaUri = (via: string): string => (/^sips?:/.test(via) ? via : `sip:${via}`);

const wentThrough = ({ caller, callee }: TestCallResult): boolean =>
  caller.heardPackets === callee.sentPackets && callee.heardPackets === caller.sentPackets && caller.heardDamaged + callee.heardDamaged === 0;

/** Waits for the recording and compares it with what was sent; undefined when none came in time. */
async function prove(config: Config, result: TestCallResult): Promise<Proof | undefined> {
  const library = await openLibrary(config);
  try {
    const report = await reportOf(library, result.sessionId);
    if (report === undefined || report.channels.length < 2 || report.durationMs === 0) return undefined;
    const chunks: Buffer[] = [];
    for await (const chunk of (await library.audio(result.sessionId)).bytes) chunks.push(chunk);
    const wav = parseWav(Buffer.concat(chunks));
    if (typeof wav === 'string') throw new Failure('VAULT_READ', `the recording is no WAV file: ${wav}`);
    const from = (at: number): number => Math.round((report.channels[at]?.offsetMs ?? 0) * framesPerMs);
    const match = (at: number, sent: Int16Array): ChannelMatch => matchChannel(wav.data, wav.channels, at, from(at), sent);
    return {
      report,
      caller: match(0, result.caller.sent),
      callee: match(1, result.callee.sent),
      offsetSent: (result.callee.startedAtMs - result.caller.startedAtMs) * framesPerMs,
      offsetRecorded: from(1) - from(0),
    };
  } finally {
    await library.close();
  }
}

async function reportOf(library: Library, sessionId: string): Promise<Report | undefined> {
  const giveUpAt = Date.now() + recordingWithinMs;
  for (let waitMs = 100; Date.now() < giveUpAt; waitMs = Math.min(waitMs * 1.5, 1_000)) {
    const found = await library.find(sessionId);
    if (found?.report !== undefined) return found.report;
    if (found?.state === 'lost' || found?.state === 'excluded') return undefined;
    await delay(waitMs);
  }
  return undefined;
}

const isProven = (proof: Proof | undefined): boolean =>
  proof !== undefined &&
  proof.report.state === 'complete' &&
  proof.caller.identical === proof.caller.sent &&
  proof.callee.identical === proof.callee.sent &&
  Math.abs(proof.offsetRecorded - proof.offsetSent) <= 1;

function printCall({ sessionId, caller, callee }: TestCallResult): void {
  print(`session ID      ${sessionId}`);
  print(`caller          sent ${caller.sentPackets} packets, heard ${caller.heardPackets} of the callee's ${callee.sentPackets}`);
  print(`callee          sent ${callee.sentPackets} packets, heard ${callee.heardPackets} of the caller's ${caller.sentPackets}`);
}

function printProof(sessionId: string, proof: Proof | undefined): void {
  if (proof === undefined) {
    print(`recording       none within ${seconds(recordingWithinMs)}: \`twintrack show ${sessionId}\` says what is known`);
    return;
  }
  const { report, caller, callee } = proof;
  print(`recording       ${report.state}, ${seconds(report.durationMs)}: ${report.reason}`);
  print(`left (caller)   ${caller.identical} of ${caller.sent} samples as sent`);
  print(`right (callee)  ${callee.identical} of ${callee.sent} samples as sent`);
  print(`aligned         the callee began ${proof.offsetSent.toFixed(1)} samples after the caller, in the recording ${proof.offsetRecorded}`);
  print('');
  print(`Listen to it:   twintrack export ${sessionId} --out call.wav`);
}

function document(result: TestCallResult, proof: Proof | undefined): object {
  const end = ({ startedAtMs, sentPackets, heardPackets, heardDamaged }: TestCallResult['caller']): object => ({
    startedAtMs,
    sentPackets,
    heardPackets,
    heardDamaged,
  });
  return {
    sessionId: result.sessionId,
    ok: wentThrough(result) && isProven(proof),
    caller: { ...end(result.caller), ...(proof === undefined ? {} : { recorded: proof.caller }) },
    callee: { ...end(result.callee), ...(proof === undefined ? {} : { recorded: proof.callee }) },
    offsetSamples: proof === undefined ? null : { sent: proof.offsetSent, recorded: proof.offsetRecorded },
    report: proof?.report ?? null,
  };
}
