/**
 * One recording out of all captures of its session.
 *
 * The captures are read twice: once to learn who sent what when (which decides places and length), once
 * to decode each packet into its place. Both readings stream.
 *
 * Owns       the recording's WAV and its signed manifest in the vault.
 * Leaves to  stitcher.ts which sessions are stitched when, and the ledger.
 */
import { createHash } from 'node:crypto';
import type { Report } from '../ledger/index.js';
import { encodeWavHeader, parseCryptoLine, singleKeyLines } from '../media/index.js';
import { openSessionKey, type ObjectStore, type SessionKey, type SessionKeyReject, type VaultKeys } from '../vault/index.js';
import { Channel, type Audible } from './channel.js';
import { channelOf, gather, type CaptureSource, type Gathered, type Gathering } from './gather.js';
import { KeyMask } from './key-mask.js';
import { Mixer } from './mixer.js';
import { framesIn, planRecording, type Plan } from './plan.js';
import { makeReport } from './report.js';
import { wishesOf } from './wishes.js';

/** G.711's own rate: nothing is resampled. */
const sampleRate = 8_000;
/** The longest packet we decode: RFC 3551 allows any, Ethernet carries about 180 ms of G.711. */
const longestPacketSamples = 65_536;

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

/** The same session always has the same recording: stitching again replaces it. */
export function recordingIdOf(sessionId: string): string {
  const hex = createHash('sha256').update(`twintrack recording ${sessionId}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * @param sources all captures of the session
 * @param sealedKeys that came for it by themselves
 * @throws Failure CAPTURE_INVALID when no capture gives sound, or none says that it is to be kept, and one cannot be read or is of other keys, VAULT_WRITE when the vault does not take the recording.
 */
export async function stitch(sessionId: string, sources: readonly CaptureSource[], keys: VaultKeys, store: RecordingSink, sealedKeys: readonly Uint8Array[] = []): Promise<Stitched> {
  const recordingId = recordingIdOf(sessionId);
  const lateKeys = await openedOf(sealedKeys, sessionId, keys);
  const first = gather(sources, keys, lateKeys.opened);
  const channels = await survey(first);
  const wishes = wishesOf(first.captures);
  // What cannot be read may say that it is to be kept: neither discarded nor heard.
  if (!wishes.keep && first.failure !== undefined) throw first.failure;
  const plan = wishes.keep ? planRecording([...channels.values()], sampleRate) : undefined;
  const masks = new Map(plan !== undefined && wishes.dtmfMasked ? [...channels].map(([name, channel]) => [name, new KeyMask(channel, plan)]) : []);
  const report = makeReport({
    recordingId,
    sessionId,
    channels: [...channels.values()],
    countsOf: (channel) => first.counts(channel),
    captures: first.captures,
    wishes,
    masks,
    plan,
    keysRefused: lateKeys.refused,
  });
  if (plan === undefined && first.failure !== undefined) throw first.failure;
  if (plan === undefined) return { report, discarded: !wishes.keep, objectName: '', digest: '', sealedBytes: 0 };
  const name = `recordings/${report.startedAt.slice(0, 10).replaceAll('-', '/')}/${recordingId}`;
  const { digest, sealedBytes } = await store.put(`${name}.wav`, wav(gather(sources, keys, lateKeys.opened), { channels, masks, plan }));
  await store.putDocument(`${name}.json`, { recordingId, sessionId, digest, sealedBytes, report });
  return { report, discarded: false, objectName: `${name}.wav`, digest, sealedBytes };
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

/** The first reading. Caller and callee are always there, so that they keep their sides. */
async function survey(records: Gathering): Promise<ReadonlyMap<string, Channel>> {
  const channels = new Map(['caller', 'callee'].map((name) => [name, new Channel(name)]));
  for await (const record of records) take(record, channels);
  return channels;
}

/** Lets its channel have a record; gives back what is to be decoded now. */
function take(record: Gathered, channels: Map<string, Channel>): readonly Audible[] {
  switch (record.kind) {
    case 'streams':
      for (const stream of record.streams) {
        const name = channelOf(stream);
        let channel = channels.get(name);
        if (channel === undefined) channels.set(name, (channel = new Channel(name)));
        channel.describe(stream, record.atMs);
      }
      return [];
    case 'rtcp':
      channels.get(record.channel)?.report(record.packets);
      return [];
    case 'rtp':
      return channels.get(record.channel)?.accept(record.packet, record.codec, record.arrivedAtMs) ?? [];
  }
}

/** What the first reading has found, by channel. */
interface Surveyed {
  readonly channels: ReadonlyMap<string, Channel>;
  /** Of a recording in which keys are masked. */
  readonly masks: ReadonlyMap<string, KeyMask>;
  readonly plan: Plan;
}

/** The second reading: the header, then the samples as they become final. */
async function* wav(records: Gathering, { channels: surveyed, masks, plan }: Surveyed): AsyncGenerator<Buffer> {
  const names = [...surveyed.keys()];
  const mixer = new Mixer(names.length, plan.frames);
  const samples = new Int16Array(longestPacketSamples);
  const channels = new Map(names.map((name) => [name, new Channel(name)]));
  yield encodeWavHeader({ channels: names.length, sampleRate, bitsPerSample: 16, format: 'pcm', frames: plan.frames });
  for await (const record of records) {
    for (const { packet, segment, offsetTicks, decoder } of take(record, channels)) {
      const name = record.kind === 'rtp' ? record.channel : '';
      // The first reading saw the same packets, so it has the same segment, with its place.
      const track = surveyed.get(name)?.tracks.get(packet.ssrc);
      const known = track?.segments[segment.index];
      if (track === undefined || known === undefined) continue;
      const frame = plan.startOf(known) + framesIn(offsetTicks, track.clockRate, sampleRate);
      const count = decoder.decode(packet.payload, samples, 0);
      masks.get(name)?.silence(frame, samples, count);
      mixer.place(names.indexOf(name), frame, samples, count);
      yield* mixer.take();
    }
  }
  yield* mixer.finish();
}
