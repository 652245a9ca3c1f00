/**
 * Packets in, recordings out: what `ingest` does with each packet, whichever file it came from.
 *
 * Owns       the parts of one ingestion, and the capture's clock, by which calls end.
 * Leaves to  ingest.ts the files and their order.
 */
import { Addresses, type Endpoint } from './endpoints.js';
import { BareCalls } from './bare-calls.js';
import { Calls } from './calls.js';
import { Dissector, type TcpSegment } from './dissector.js';
import { endedBareCall, endedSession, finishCall, type EndedCall, type FinishContext, type IngestedCall } from './finished-call.js';
import { Flows } from './flows.js';
import type { Frame } from './frame.js';
import { KeyRing } from './key-ring.js';
import type { GivenKey } from './keys-file.js';
import { Losses } from './losses.js';
import { MediaRegistry } from './media-registry.js';
import type { RecordingFolder } from './recording-folder.js';
import type { RtpRule } from './rtp-rules.js';
import { beginsSip, readSip } from './sip-message.js';
import { Spools } from './spool.js';
import { TcpStreams } from './tcp-streams.js';
import type { VaultKeys } from '../vault/index.js';

const lookEveryMs = 1_000;

export interface IngestionOptions {
  /** For captures on their way, for this user alone. */
  readonly workDir: string;
  readonly keys: VaultKeys;
  readonly folder: RecordingFolder;
  readonly given: readonly GivenKey[];
  readonly rules: readonly RtpRule[];
  /** Told of each call, as its recording is there. */
  readonly onCall: (call: IngestedCall) => void;
}

/** RTP that is of no call. */
export interface UnclaimedStream {
  readonly from: string;
  readonly to: string;
  readonly ssrc: string;
  readonly payloadType: number;
  readonly packets: number;
  readonly firstAt: string;
  readonly lastAt: string;
}

export class Ingestion {
  readonly losses = new Losses();
  calls = 0;
  readonly #addresses = new Addresses();
  readonly #registry = new MediaRegistry(this.#addresses);
  readonly #spools: Spools;
  readonly #bare: BareCalls;
  readonly #flows: Flows;
  readonly #calls: Calls;
  readonly #tcp = new TcpStreams(this.losses);
  readonly #dissector: Dissector;
  readonly #finishing: FinishContext;
  readonly #onCall: IngestionOptions['onCall'];
  #lookedAtMs = 0;

  constructor({ workDir, keys, folder, given, rules, onCall }: IngestionOptions) {
    const ring = new KeyRing(given, this.#addresses);
    this.#spools = new Spools(workDir, keys);
    this.#bare = new BareCalls(rules, ring, this.#addresses, this.#spools);
    this.#flows = new Flows(this.#registry, this.#bare, ring, this.losses);
    this.#calls = new Calls(this.#registry, this.#spools);
    this.#dissector = new Dissector(this.#addresses, this.losses, {
      udp: (atMs, source, target, bytes, start, end) => this.#udp(atMs, source, target, bytes, start, end),
      tcp: (atMs, segment) => this.#segment(atMs, segment),
    });
    this.#finishing = { keys, ring, folder };
    this.#onCall = onCall;
  }

  /** For tests of its bounds. */
  get held(): { readonly flows: number; readonly keptBytes: number; readonly sessions: number; readonly openFiles: number; readonly connections: number } {
    return { ...this.#flows.held, sessions: this.#calls.liveSessions, openFiles: this.#spools.openFiles, connections: this.#tcp.size };
  }

  /** Takes the next frame, of the file that is called so; the frame is the caller's again when what is returned resolves. */
  take(frame: Frame, file: string): Promise<void> | undefined {
    this.#spools.recorder = file;
    if (frame.atMs - this.#lookedAtMs <= lookEveryMs) return this.#dissector.frame(frame);
    this.#lookedAtMs = frame.atMs;
    return this.#finishOver(frame.atMs).then(() => this.#dissector.frame(frame));
  }

  /** There are no more packets: all calls end. What belongs to none. */
  async finish(): Promise<readonly UnclaimedStream[]> {
    this.#dissector.finish();
    const unclaimed = this.#flows.unclaimed();
    await this.#finish([...this.#calls.takeAll().map(endedSession), ...this.#bare.takeAll().map(endedBareCall)]);
    return unclaimed.map(({ source, target, ssrc, payloadType, packets, firstAtMs, lastAtMs }) => ({
      from: this.#addresses.endpointText(source),
      to: this.#addresses.endpointText(target),
      ssrc: `0x${ssrc.toString(16).padStart(8, '0')}`,
      payloadType,
      packets,
      firstAt: new Date(firstAtMs).toISOString(),
      lastAt: new Date(lastAtMs).toISOString(),
    }));
  }

  /** Nothing is left open; after finish() nothing is. */
  async close(): Promise<void> {
    await this.#spools.abandon();
  }

  async #finishOver(nowMs: number): Promise<void> {
    const over = [...this.#calls.takeOver(nowMs).map(endedSession), ...this.#bare.takeOver(nowMs).map(endedBareCall)];
    if (over.length > 0) await this.#finish(over);
  }

  async #finish(over: readonly EndedCall[]): Promise<void> {
    for (const call of [...over].sort((a, b) => a.startedAtMs - b.startedAtMs)) {
      const finished = await finishCall(call, this.#finishing);
      this.calls += 1;
      this.#onCall(finished);
    }
  }

  #udp(atMs: number, source: Endpoint, target: Endpoint, bytes: Buffer, start: number, end: number): Promise<void> | undefined {
    if (start >= end) return undefined;
    // RTP and RTCP are version 2 (RFC 3550 §5.1); no text begins so.
    if (bytes.readUInt8(start) >> 6 === 2) return this.#flows.take(atMs, source, target, bytes, start, end);
    return beginsSip(bytes, start, end) ? this.#sip(bytes.toString('latin1', start, end), atMs, source, target) : undefined;
  }

  #segment(atMs: number, segment: TcpSegment): Promise<void> | undefined {
    const messages = this.#tcp.take(atMs, segment);
    return messages.length === 0 ? undefined : this.#messages(messages, atMs, segment);
  }

  async #messages(messages: readonly string[], atMs: number, { source, target }: TcpSegment): Promise<void> {
    for (const message of messages) await this.#sip(message, atMs, source, target);
  }

  #sip(text: string, atMs: number, source: Endpoint, target: Endpoint): Promise<void> | undefined {
    const message = readSip(text, atMs, source, target);
    if (message === 'malformed') this.losses.count('sip-malformed');
    return message === undefined || message === 'malformed' ? undefined : this.#calls.receive(message);
  }
}
