/**
 * All captures of one session, as one run of clear packets in the order of their arrival.
 *
 * Owns       merging captures by time, and opening their keys.
 * Leaves to  the tracks what a packet is worth: two captures of one call bring each packet twice.
 */
import { readCapture, type CaptureCodec, type CaptureControl, type CaptureRecord, type CaptureStream } from '../capture/index.js';
import { Failure } from '../errors/index.js';
import type { RtcpPacket, RtpPacket } from '../media/index.js';
import { openSecret, type SessionKey, type VaultKeys } from '../vault/index.js';
import { ClearStream, type ClearCounts } from './clear-stream.js';

export interface CaptureSource {
  readonly captureId: string;
  readonly path: string;
  /** When it was opened, unix ms, if that is known: the time of a capture that holds nothing. */
  readonly openedAtMs?: number;
  /** Why it was cut, if anybody knows. */
  readonly reason?: string;
}

export type Gathered =
  | { readonly kind: 'rtp'; readonly channel: string; readonly arrivedAtMs: number; readonly packet: RtpPacket; readonly codec: CaptureCodec | undefined }
  | { readonly kind: 'rtcp'; readonly channel: string; readonly arrivedAtMs: number; readonly packets: readonly RtcpPacket[] }
  | { readonly kind: 'streams'; readonly atMs: number; readonly streams: readonly CaptureStream[] };

/** What is known of a capture once it has been read to its end. */
export interface CaptureFacts {
  readonly captureId: string;
  recorder: string;
  /** First and last instant, unix ms. */
  fromMs: number;
  toMs: number;
  readonly openedAtMs: number;
  readonly cutReason?: string;
  cut: boolean;
  /** The file is there but is refused: by the disk, or because it is sealed for other keys. */
  unreadable: boolean;
  endReason: string;
  /** The last that the client said of the recording; undefined when it said nothing. */
  control: CaptureControl | undefined;
}

export interface Gathering extends AsyncIterable<Gathered> {
  /** Complete when the iteration has come to its end. */
  readonly captures: readonly CaptureFacts[];
  /** Why a capture could not be read, of the first such one: what the others hold was gathered all the same. */
  readonly failure: Failure | undefined;
  counts(channel: string): ClearCounts;
}

/** The channel of a stream: the caller's, the callee's, or one of its own for a further party. */
export const channelOf = (stream: CaptureStream): string => (stream.role === 'other' ? `other-${stream.index}` : stream.role);

/** @param lateKeys that came by themselves, in the order they came */
export function gather(sources: readonly CaptureSource[], keys: VaultKeys, lateKeys: readonly SessionKey[] = []): Gathering {
  const readers = sources.map((source) => new CaptureReader(source, keys, lateKeys));
  return {
    captures: readers.map((reader) => reader.facts),
    get failure() {
      return readers.find((reader) => reader.failure !== undefined)?.failure;
    },
    counts: (channel) => sumCounts(readers.flatMap((reader) => reader.countsOf(channel))),
    async *[Symbol.asyncIterator]() {
      const merged = readers.length === 1 && readers[0] !== undefined ? readers[0].read() : byTime(readers.map((reader) => reader.read()));
      yield* merged;
    },
  };
}

class CaptureReader {
  readonly facts: CaptureFacts;
  failure: Failure | undefined;
  readonly #path: string;
  readonly #keys: VaultKeys;
  readonly #streams = new Map<number, { stream: CaptureStream; clear: ClearStream; codecs: ReadonlyMap<number, CaptureCodec> }>();

  constructor({ captureId, path, openedAtMs = 0, reason = '' }: CaptureSource, keys: VaultKeys, private readonly lateKeys: readonly SessionKey[]) {
    this.#path = path;
    this.#keys = keys;
    this.facts = { captureId, recorder: '', fromMs: Number.POSITIVE_INFINITY, toMs: 0, openedAtMs, cutReason: reason, cut: true, unreadable: false, endReason: '', control: undefined };
  }

  countsOf(channel: string): ClearCounts[] {
    return [...this.#streams.values()].filter(({ stream }) => channelOf(stream) === channel).map(({ clear }) => clear.counts);
  }

  async *read(): AsyncGenerator<Gathered, void, undefined> {
    const reading = readCapture(this.#path, this.#keys);
    try {
      for await (const record of reading) {
        this.#touch(record.kind === 'packet' ? record.arrivedAtMs : record.atMs);
        const gathered = record.kind === 'packet' ? this.#packet(record) : await this.#event(record);
        if (gathered !== undefined) yield gathered;
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

  #packet(record: CaptureRecord & { kind: 'packet' }): Gathered | undefined {
    const known = this.#streams.get(record.stream);
    if (known === undefined) return undefined;
    const channel = channelOf(known.stream);
    const { arrivedAtMs } = record;
    if (record.rtcp) {
      const packets = known.clear.rtcp(record.bytes);
      return packets.length === 0 ? undefined : { kind: 'rtcp', channel, arrivedAtMs, packets };
    }
    const packet = known.clear.rtp(record.bytes);
    return packet === undefined ? undefined : { kind: 'rtp', channel, arrivedAtMs, packet, codec: known.codecs.get(packet.payloadType) };
  }

  async #event(record: CaptureRecord & { kind: 'event' }): Promise<Gathered | undefined> {
    const { event, atMs } = record;
    switch (event.type) {
      case 'begin':
        this.facts.recorder = event.recorder;
        this.facts.control = event.control;
        return undefined;
      case 'control':
        this.facts.control = event.control;
        return undefined;
      case 'end':
        this.facts.endReason = event.reason;
        return undefined;
      case 'streams':
        for (const stream of event.streams) await this.#setStream(stream);
        return { kind: 'streams', atMs, streams: event.streams };
    }
  }

  async #setStream(stream: CaptureStream): Promise<void> {
    const known = this.#streams.get(stream.index);
    const clear = known?.clear ?? new ClearStream();
    const lines = await Promise.all(stream.sealedKeys.map((key) => this.#openKey(key)));
    const late = this.lateKeys.filter((key) => key.for === undefined || key.for === stream.role).map(({ crypto }) => crypto);
    clear.setKeys(stream.encrypted, [...late, ...lines.filter((line) => line !== undefined)]);
    // A payload type keeps its meaning for packets that were on their way when it was taken back.
    const codecs = new Map([...(known?.codecs ?? []), ...stream.codecs.map((codec) => [codec.payloadType, codec] as const)]);
    this.#streams.set(stream.index, { stream, clear, codecs });
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

async function* byTime(runs: readonly AsyncGenerator<Gathered, void, undefined>[]): AsyncGenerator<Gathered, void, undefined> {
  try {
    const heads = await Promise.all(runs.map(async (run) => ({ run, next: await run.next() })));
    for (;;) {
      let earliest: (typeof heads)[number] | undefined;
      for (const head of heads) {
        if (head.next.done === true) continue;
        if (earliest?.next.done === false && timeOf(earliest.next.value) <= timeOf(head.next.value)) continue;
        earliest = head;
      }
      if (earliest?.next.done !== false) return;
      yield earliest.next.value;
      earliest.next = await earliest.run.next();
    }
  } finally {
    await Promise.all(runs.map((run) => run.return()));
  }
}
