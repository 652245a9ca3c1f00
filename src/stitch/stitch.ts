/**
 * One recording out of all captures of its session.
 *
 * The captures are read twice: once to learn who sent what when (which decides places and length), once
 * to decode each packet into its place. Both readings stream.
 *
 * Owns       the recording's file and its signed manifest in the vault.
 * Leaves to  stitcher.ts which sessions are stitched when, and the ledger.
 */
import { createHash } from 'node:crypto';
import { Failure } from '../errors/index.js';
import type { Report, Unrecorded } from '../ledger/index.js';
import { extensionOf, mostChannelsOf, openAudioWriter, parseCryptoLine, rateFor, singleKeyLines, type AudioFormat, type FramedSpeech } from '../media/index.js';
import { openSessionKey, type ObjectSize, type ObjectStore, type SessionKey, type SessionKeyReject, type VaultKeys } from '../vault/index.js';
import type { Channel, CanHear } from './channel.js';
import { captureClocks } from './capture-clocks.js';
import type { CaptureSource } from './capture-source.js';
import { findFfmpeg, type SpeechProgram } from './ffmpeg.js';
import { gather, type Gathering } from './gather.js';
import { KeyMask } from './key-mask.js';
import type { Block } from './mixer.js';
import { planRecording, type Plan } from './plan.js';
import { render, type RenderOptions, type Surveyed } from './render.js';
import { makeReport } from './report.js';
import { onTwoSides } from './sides.js';
import { survey } from './survey.js';
import { wishesOf } from './wishes.js';

/** Of a session in which nothing was heard. */
const noRate = 8_000;

export interface StitchOptions {
  readonly format?: AudioFormat;
  /** `mixed`: whoever is neither caller nor callee is heard on the callee's side. */
  readonly parties?: 'separate' | 'mixed';
  /** What decodes speech that has no decoder of ours; undefined where there is none. Left out: looked for once. */
  readonly program?: SpeechProgram | undefined;
  /** What its calls tell of stretches without a recorder. */
  readonly unrecorded?: readonly Unrecorded[];
  /** The object that is the session's recording now. */
  readonly standing?: string | undefined;
}

/** Where the recording goes. */
export type RecordingSink = Pick<ObjectStore, 'put' | 'putDocument'>;

export interface Stitched {
  readonly report: Report;
  /** True when nobody asked for the recording: its captures are to be removed. */
  readonly discarded: boolean;
  /** Empty when there was nothing to keep. */
  readonly objectName: string;
  readonly digest: string;
  readonly sealedBytes: number;
}

/** The same session always has the same recording: who stitches again replaces it. */
export function recordingIdOf(sessionId: string): string {
  const hex = createHash('sha256').update(`twintrack recording ${sessionId}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * @param sources all captures of the session
 * @param sealedKeys that came for it by themselves
 * @throws Failure CAPTURE_INVALID when no capture gives sound, or none says that it is to be kept, and one cannot be read or is of other keys, VAULT_WRITE when the vault does not take the recording.
 */
export async function stitch(sessionId: string, sources: readonly CaptureSource[], keys: VaultKeys, store: RecordingSink, sealedKeys: readonly Uint8Array[] = [], options: StitchOptions = {}): Promise<Stitched> {
  const lateKeys = await openedOf(sealedKeys, sessionId, keys);
  const clocks = sources.length > 1 ? await captureClocks(sources, keys) : [];
  const program = 'program' in options ? options.program : await findFfmpeg();
  const read = (): Gathering => gather(sources, keys, lateKeys.opened, clocks);
  const failed = new Set<FramedSpeech['container']>();
  for (;;) {
    const canHear: CanHear = ({ decoding }) => decoding.by === 'us' || (program?.containers.has(decoding.speech.container) === true && !failed.has(decoding.speech.container));
    try {
      return await stitchOnce({ sessionId, store, read, canHear, program, options, keysRefused: lateKeys.refused });
    } catch (error) {
      // The others are heard; of that codec the report says that it could not be decoded, and the capture keeps its packets.
      const container = error instanceof Failure && error.code === 'DECODER_FAILED' ? (error.facts['container'] as FramedSpeech['container']) : undefined;
      if (container === undefined || failed.has(container)) throw error;
      failed.add(container);
    }
  }
}

interface Attempt {
  readonly sessionId: string;
  readonly store: RecordingSink;
  readonly read: () => Gathering;
  readonly canHear: CanHear;
  readonly program: SpeechProgram | undefined;
  readonly options: StitchOptions;
  readonly keysRefused: readonly SessionKeyReject[];
}

async function stitchOnce({ sessionId, store, read, canHear, program, options, keysRefused }: Attempt): Promise<Stitched> {
  const recordingId = recordingIdOf(sessionId);
  const { format = 'wav' } = options;
  const first = read();
  const channels = await survey(first, canHear);
  const wishes = wishesOf(first.captures);
  // What cannot be read may say that it is to be kept: neither discarded nor heard.
  if (!wishes.keep && first.failure !== undefined) throw first.failure;
  const plan = wishes.keep ? planRecording([...channels.values()], rateFor(format, rateOf(channels))) : undefined;
  const masks = new Map(plan !== undefined && wishes.dtmfMasked ? [...channels].map(([name, channel]) => [name, new KeyMask(channel, plan)]) : []);
  const report = makeReport({
    recordingId,
    sessionId,
    channels: [...channels.values()],
    countsOf: (channel) => first.counts(channel),
    captures: first.captures,
    wishes,
    unrecorded: options.unrecorded,
    masks,
    plan,
    keysRefused,
  });
  if (plan === undefined && first.failure !== undefined) throw first.failure;
  if (plan === undefined) return { report, discarded: !wishes.keep, objectName: '', digest: '', sealedBytes: 0 };
  const name = nameBeside(options.standing, `recordings/${report.startedAt.slice(0, 10).replaceAll('-', '/')}/${recordingId}`);
  const objectName = `${name}.${extensionOf(format)}`;
  const { digest, sealedBytes } = await put(store, objectName, read, { channels, masks, plan }, { format, parties: options.parties ?? 'separate', canHear, program });
  await store.putDocument(`${name}.json`, { recordingId, sessionId, digest, sealedBytes, report });
  return { report, discarded: false, objectName, digest, sealedBytes };
}

/** What stands is heard, with its own report, until the ledger has the new one: of two names the new one has the other. */
const nameBeside = (standing: string | undefined, name: string): string => (standing?.startsWith(`${name}.`) === true ? `${name}-2` : name);

/** The recording's rate: the highest of the codecs heard. */
const rateOf = (channels: ReadonlyMap<string, Channel>): number => Math.max(...[...channels.values()].map(({ sampleRate }) => sampleRate)) || noRate;

interface FileOptions extends Pick<RenderOptions, 'canHear' | 'program'> {
  readonly format: AudioFormat;
  readonly parties: 'separate' | 'mixed';
}

async function put(store: RecordingSink, objectName: string, read: () => Gathering, surveyed: Surveyed, { format, parties, canHear, program }: FileOptions): Promise<ObjectSize> {
  const { channels, plan } = surveyed;
  const mixed = channels.size > 2 && (parties === 'mixed' || channels.size > mostChannelsOf(format));
  const codesOf = format === 'wav-g711' && !mixed ? lawOf(channels, plan) : undefined;
  const writer = await openAudioWriter(format, { channels: mixed ? 2 : channels.size, sampleRate: plan.sampleRate, frames: plan.frames, codes: codesOf });
  try {
    const blocks = render(read(), surveyed, { canHear, program, codesOf });
    return await store.put(objectName, fileOf(writer, mixed ? onTwoSides(blocks) : blocks));
  } finally {
    writer.close();
  }
}

async function* fileOf(writer: Awaited<ReturnType<typeof openAudioWriter>>, blocks: AsyncIterable<Block>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const block of blocks) yield writer.write(block);
  yield writer.end();
}

/** The law of G.711 that was heard alone, at its own rate; undefined when anything else was heard too. */
function lawOf(channels: ReadonlyMap<string, Channel>, { sampleRate }: Plan): 'PCMU' | 'PCMA' | undefined {
  const heard = new Set([...channels.values()].flatMap(({ codecs }) => [...codecs]));
  const [law] = heard;
  const oneRate = [...channels.values()].every((channel) => channel.rates.size === 0 || (channel.rates.size === 1 && channel.rates.has(sampleRate)));
  return heard.size === 1 && oneRate && (law === 'PCMU' || law === 'PCMA') ? law : undefined;
}

/** The keys that came by themselves, and what is wrong with those that are none. */
async function openedOf(sealed: readonly Uint8Array[], sessionId: string, keys: VaultKeys): Promise<{ readonly opened: readonly SessionKey[]; readonly refused: readonly SessionKeyReject[] }> {
  const [opened, refused]: [SessionKey[], SessionKeyReject[]] = [[], []];
  for (const box of sealed) {
    const key = await openSessionKey(box, sessionId, keys);
    if (typeof key === 'string') refused.push(key);
    else if (singleKeyLines(key.crypto).some((line) => typeof parseCryptoLine(line) === 'string')) refused.push('has no key in it');
    else opened.push(key);
  }
  return { opened, refused };
}
