/**
 * All captures of one session, as one run of clear packets in the order of their arrival.
 *
 * They come by the batch, as their captures hold them: a call of hours has hundreds of thousands. A batch is good until the
 * next is asked for: then its packets, and what they carry, are others.
 *
 * Owns       merging captures by time, on one clock, and opening their keys.
 * Leaves to  the tracks what a packet is worth: two captures of one call bring each packet twice.
 */
import { parsePairedBy, readCaptureChunks, type CaptureCodec, type CaptureControl, type CaptureEvent, type CaptureStream, type PairedBy, type RecordCursor } from '../capture/index.js';
import { Failure } from '../errors/index.js';
import { RtpView, staticCodec, type CodecLine, type RtcpPacket } from '../media/index.js';
import { openSecret, type SessionKey, type VaultKeys } from '../vault/index.js';
import { trueClock, type CaptureClock } from './capture-clocks.js';
import type { CaptureSource } from './capture-source.js';
import { ClearStream, type ClearCounts } from './clear-stream.js';
import { unburst } from './late-bursts.js';
import { channelOf, keyOf, SourceTimes } from './source-times.js';

export type Gathered =
  | GatheredRtp
  | { readonly kind: 'rtcp'; readonly channel: string; readonly arrivedAtMs: number; readonly packets: readonly RtcpPacket[] }
  | { readonly kind: 'streams'; readonly atMs: number; readonly streams: readonly CaptureStream[] };

export interface GatheredRtp {
  readonly kind: 'rtp';
  readonly channel: string;
  readonly arrivedAtMs: number;
  readonly packet: RtpView;
  readonly codec: CodecLine | undefined;
  readonly source: number;
}

/** What is known of a capture once it has been read to its end. */
export interface CaptureFacts {
  readonly captureId: string;
  recorder: string;
  /** First and last instant, unix ms. */
  fromMs: number;
  toMs: number;
  readonly openedAtMs: number;
  readonly cutReason?: string;
  readonly moreFollows?: boolean;
  cut: boolean;
  /** The file is there but is refused: by the disk, or because it is sealed for other keys. */
  unreadable: boolean;
  endReason: string;
  /** The last that the client said of the recording; undefined when it said nothing. */
  control: CaptureControl | undefined;
  /** Where the client did not say which call it is of. */
  pairedBy?: PairedBy | undefined;
}

export interface Gathering extends AsyncIterable<readonly Gathered[]> {
  /** Complete when the iteration has come to its end. */
  readonly captures: readonly CaptureFacts[];
  /** Why a capture could not be read, of the first such one: what the others hold was gathered all the same. */
  readonly failure: Failure | undefined;
  counts(channel: string): ClearCounts;
}

/**
 * @param lateKeys that came by themselves, in the order they came
 * @param clocks of the captures, where there are several
 */
export function gather(sources: readonly CaptureSource[], keys: VaultKeys, lateKeys: readonly SessionKey[] = [], clocks: readonly CaptureClock[] = []): Gathering {
  const readers = sources.map((source, index) => new CaptureReader(source, index, keys, lateKeys, clocks[index] ?? trueClock));
  return {
    captures: readers.map((reader) => reader.facts),
    get failure() {
      return readers.find((reader) => reader.failure !== undefined)?.failure;
    },
    counts: (channel) => sumCounts(readers.flatMap((reader) => reader.countsOf(channel))),
    [Symbol.asyncIterator]: () => (readers.length === 1 && readers[0] !== undefined ? readers[0].read() : byTime(readers.map((reader) => reader.read()))),
  };
}

/** What is parsed at a time, into the same objects again and again, and enough to save a promise for each. */
const batchRecords = 256;

/** What a capture says of codecs may come from anybody: the list grows no longer than packets can name. */
const payloadTypes = 128;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface GatheredStream {
  readonly channel: string;
  readonly clear: ClearStream;
  /** By payload type, of which there are 128. */
  readonly codecs: readonly (CaptureCodec | undefined)[];
}

class CaptureReader {
  readonly facts: CaptureFacts;
  failure: Failure | undefined;
  readonly #path: string;
  readonly #keys: VaultKeys;
  readonly #times = new SourceTimes();
  /** By the index that packets name them by. */
  readonly #streams = new Map<number, GatheredStream>();
  /** The packets of a batch. */
  readonly #packets: readonly Mutable<GatheredRtp>[];

  constructor(
    { captureId, path, recorder = '', openedAtMs = 0, reason = '', moreFollows = false }: CaptureSource,
    private readonly index: number,
    keys: VaultKeys,
    private readonly lateKeys: readonly SessionKey[],
    private readonly clock: CaptureClock,
  ) {
    this.#path = path;
    this.#keys = keys;
    this.#packets = Array.from({ length: batchRecords }, () => ({ kind: 'rtp', channel: '', arrivedAtMs: 0, packet: new RtpView(), codec: undefined, source: this.index }));
    this.facts = { captureId, recorder, fromMs: Number.POSITIVE_INFINITY, toMs: 0, openedAtMs, cutReason: reason, moreFollows, cut: true, unreadable: false, endReason: '', control: undefined };
  }

  countsOf(channel: string): ClearCounts[] {
    return [...this.#streams.values()].filter((known) => known.channel === channel).map(({ clear }) => clear.counts);
  }

  async *read(): AsyncGenerator<readonly Gathered[], void, undefined> {
    const reading = readCaptureChunks(this.#path, this.#keys);
    try {
      for await (const records of reading) {
        let batch: Gathered[] = [];
        while (records.next()) {
          this.#touch(records.atMs);
          const gathered = records.event === undefined ? this.#packet(records, batch.length) : await this.#event(records.event, records.atMs);
          if (gathered !== undefined) batch.push(gathered);
          if (batch.length < batchRecords) continue;
          yield batch;
          batch = [];
        }
        if (batch.length > 0) yield batch;
      }
    } catch (error) {
      if (!(error instanceof Failure && error.code === 'CAPTURE_INVALID')) throw error;
      this.facts.endReason = error.message;
      // Without a cause the file itself says nothing: killed before its first flush, a capture has not even a head.
      if (error.cause === undefined) return;
      this.facts.unreadable = true;
      this.failure = error;
    }
    this.facts.cut = reading.outcome?.state !== 'closed';
  }

  #touch(atMs: number): void {
    this.facts.fromMs = Math.min(this.facts.fromMs, atMs);
    this.facts.toMs = Math.max(this.facts.toMs, atMs);
  }

  /** @param at its place in the batch */
  #packet(record: RecordCursor, at: number): Gathered | undefined {
    const known = this.#streams.get(record.stream);
    if (known === undefined) return undefined;
    const { channel } = known;
    const arrivedAtMs = this.#cameAtMs(record) - this.clock.offsetMs;
    if (record.rtcp) {
      const packets = known.clear.rtcp(record.bytes);
      return packets.length === 0 ? undefined : { kind: 'rtcp', channel, arrivedAtMs, packets };
    }
    const gathered = this.#packets[at];
    if (gathered === undefined || !known.clear.rtp(gathered.packet, record.chunk, record.from, record.to)) return undefined;
    const { payloadType } = gathered.packet;
    gathered.channel = channel;
    gathered.arrivedAtMs = arrivedAtMs;
    gathered.codec = known.codecs[payloadType] ?? staticCodec(payloadType);
    return gathered;
  }

  /** On this capture's clock. */
  #cameAtMs(record: RecordCursor): number {
    if (this.clock === trueClock) return record.atMs;
    const source = this.#times.of(record);
    const bursts = source === undefined ? undefined : this.clock.bursts.get(keyOf(source));
    return source === undefined || bursts === undefined ? record.atMs : unburst(bursts, source.atMs, record.atMs);
  }

  async #event(event: CaptureEvent, atMs: number): Promise<Gathered | undefined> {
    switch (event.type) {
      case 'begin':
        this.facts.recorder = event.recorder;
        this.facts.control = event.control;
        this.facts.pairedBy = parsePairedBy(event.metadata);
        return undefined;
      case 'control':
        this.facts.control = event.control;
        return undefined;
      case 'end':
        this.facts.endReason = event.reason;
        return undefined;
      case 'streams':
        this.#times.describe(event.streams);
        for (const stream of event.streams) await this.#setStream(stream);
        return { kind: 'streams', atMs: atMs - this.clock.offsetMs, streams: event.streams };
    }
  }

  async #setStream(stream: CaptureStream): Promise<void> {
    const known = this.#streams.get(stream.index);
    const clear = known?.clear ?? new ClearStream();
    const lines = await Promise.all(stream.sealedKeys.map((key) => this.#openKey(key)));
    const late = this.lateKeys.filter((key) => key.for === undefined || key.for === stream.role).map(({ crypto }) => crypto);
    clear.setKeys(stream.encrypted, [...late, ...lines.filter((line) => line !== undefined)]);
    // A payload type keeps its meaning for packets that were on their way when it was taken back.
    const codecs = [...(known?.codecs ?? [])];
    for (const codec of stream.codecs) if (codec.payloadType < payloadTypes) codecs[codec.payloadType] = codec;
    this.#streams.set(stream.index, { channel: channelOf(stream), clear, codecs });
  }

  /** One that does not open is no key: its packets are counted as such, those of the others are heard. */
  async #openKey(sealed: string): Promise<string | undefined> {
    try {
      return (await openSecret(Buffer.from(sealed, 'base64'), this.#keys)).toString();
    } catch (error) {
      if (error instanceof Failure && error.code === 'VAULT_KEYS') return undefined;
      throw error;
    }
  }
}

function sumCounts(all: readonly ClearCounts[]): ClearCounts {
  const sum: ClearCounts = { authFailures: 0, duplicates: 0, malformed: 0, keyless: 0 };
  for (const counts of all) {
    sum.authFailures += counts.authFailures;
    sum.duplicates += counts.duplicates;
    sum.malformed += counts.malformed;
    sum.keyless += counts.keyless;
  }
  return sum;
}

const timeOf = (gathered: Gathered): number => (gathered.kind === 'streams' ? gathered.atMs : gathered.arrivedAtMs);

/** Merged, in batches that end where one of the runs has to be read on. */
async function* byTime(runs: readonly AsyncGenerator<readonly Gathered[], void, undefined>[]): AsyncGenerator<readonly Gathered[], void, undefined> {
  try {
    const heads = await Promise.all(runs.map(async (run) => ({ run, batch: await nextBatch(run), at: 0 })));
    for (;;) {
      const merged: Gathered[] = [];
      let emptied: (typeof heads)[number] | undefined;
      while (emptied === undefined) {
        let earliest: (typeof heads)[number] | undefined;
        let earliestMs = Number.POSITIVE_INFINITY;
        for (const head of heads) {
          const next = head.batch?.[head.at];
          if (next === undefined || (earliest !== undefined && timeOf(next) >= earliestMs)) continue;
          earliest = head;
          earliestMs = timeOf(next);
        }
        const one = earliest?.batch?.[earliest.at];
        if (earliest === undefined || one === undefined) break;
        merged.push(one);
        earliest.at += 1;
        if (earliest.at === earliest.batch?.length) emptied = earliest;
      }
      if (merged.length > 0) yield merged;
      if (emptied === undefined) return;
      Object.assign(emptied, { batch: await nextBatch(emptied.run), at: 0 });
    }
  } finally {
    await Promise.all(runs.map((run) => run.return()));
  }
}

const nextBatch = async (run: AsyncGenerator<readonly Gathered[], void, undefined>): Promise<readonly Gathered[] | undefined> => {
  const { done, value } = await run.next();
  return done === true ? undefined : value;
};
