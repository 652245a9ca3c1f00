/**
 * The forks of one call in a media thread, from the side of signalling: what recorders are offered, and where their copies go.
 *
 * Leaves to  fork.ts the packets; whoever has the call what its streams are.
 */
import { Failure } from '../../errors/index.js';
import { encodeRecordingOffer, readSdp, reportsWritten } from '../../sip/index.js';
import type { CallFork, ForkTrouble, RecordingOffer, Side } from '../door.js';
import type { OfferedStream } from '../offered-streams.js';
import type { CallSeat, RelayPlace } from './call-seat.js';
import type { ForkTarget } from './fork.js';

export interface CallForksOptions {
  readonly seat: CallSeat;
  /** Where the copies come from. */
  readonly place: RelayPlace;
  /** The numeric origin of the SDPs made here (RFC 8866 §5.2). */
  readonly origin: string;
  /** What the copies of each side are; undefined while that is not known, there is none, or the call has ended. */
  readonly streams: (paused: boolean) => Readonly<Record<Side, OfferedStream>> | undefined;
}

interface OpenFork {
  readonly number: number;
  readonly of: readonly Side[];
  /** The port from which the copies of each side come; undefined while there is no audio. */
  ports: Promise<Partial<Record<Side, number>>> | undefined;
  sessionVersion: number;
  /** Stopped before there was audio: it needs no ports. */
  isUnused: boolean;
  /** Its copies go to a recorder, of which no trouble was told. */
  isStarted: boolean;
  watcher: ((trouble: ForkTrouble) => void) | undefined;
}

export class CallForks {
  readonly #options: CallForksOptions;
  /** One for each recorder. */
  readonly #forks: OpenFork[] = [];
  #hasAudio = false;
  #paused = false;
  #closed = false;

  constructor(options: CallForksOptions) {
    this.#options = options;
  }

  add(of: readonly Side[]): Required<CallFork> {
    const fork: OpenFork = { number: this.#forks.length, of, ports: undefined, sessionVersion: 0, isUnused: false, isStarted: false, watcher: undefined };
    this.#forks.push(fork);
    if (this.#hasAudio) this.#open(fork);
    return {
      recordingOffer: () => this.#offer(fork),
      startFork: (answer) => this.#start(fork, answer),
      detachFork: () => this.#detach(fork),
      forkConfirmed: (withinMs) => this.#isConfirmed(fork, withinMs),
      stopFork: () => this.#stop(fork),
      watchFork: (told) => {
        fork.watcher = told;
      },
    };
  }

  /** There is audio to copy: each fork gets its ports. */
  open(): void {
    this.#hasAudio = true;
    for (const fork of this.#forks) this.#open(fork);
  }

  /** Resolves when the ports of all are open, or could not be opened. */
  async opened(): Promise<void> {
    await Promise.allSettled(this.#forks.flatMap(({ ports }) => ports ?? []));
  }

  /** No more ports are opened. */
  close(): void {
    this.#closed = true;
  }

  pause(): Promise<void> {
    this.#paused = true;
    return this.#options.seat.order({ kind: 'gate', to: 'paused' });
  }

  resume(): Promise<void> {
    this.#paused = false;
    return this.#options.seat.order({ kind: 'gate', to: 'flowing' });
  }

  /** What the thread has seen of a fork. */
  troubled(number: number, trouble: ForkTrouble): void {
    const fork = this.#forks[number];
    if (fork?.isStarted !== true) return;
    // Each of its sides tells.
    if (trouble !== 'port-refused') fork.isStarted = false;
    fork.watcher?.(trouble);
  }

  #open(fork: OpenFork): void {
    const { seat, place } = this.#options;
    if (this.#closed || fork.isUnused) return;
    fork.ports = seat.openPairs(fork.of, () => place, (side, pair) => ({ kind: 'fork', fork: fork.number, side, pair }));
    // Who asks for an offer learns of a failure.
    fork.ports.catch(() => undefined);
  }

  async #offer(fork: OpenFork): Promise<RecordingOffer | undefined> {
    const { streams, place, origin } = this.#options;
    if (fork.ports === undefined || streams(this.#paused) === undefined) return undefined;
    const ports = await fork.ports;
    const offered = streams(this.#paused);
    if (offered === undefined || Object.values(offered).some(({ codecs }) => codecs.length === 0)) return undefined;
    const media = fork.of.map((side) => ({ ...offered[side], port: ports[side] ?? 0, lossSummaries: true }));
    return {
      sdp: encodeRecordingOffer({ address: place.announced, origin, sessionVersion: (fork.sessionVersion += 1), media }),
      holdsKeys: media.some(({ crypto }) => crypto.length > 0),
    };
  }

  async #start(fork: OpenFork, answer: string): Promise<void> {
    const sdp = readSdp(answer);
    if (typeof sdp === 'string') throw new Failure('SIPREC_UNUSABLE', `the recorder's answer cannot be read: ${sdp}`, { facts: { reason: sdp } });
    const targets: Partial<Record<Side, ForkTarget>> = {};
    fork.of.forEach((side, index) => {
      const media = sdp.media[index];
      if (media === undefined || media.port === 0) return;
      const { address, port, rtcpPort, rtcpMux, crypto: [crypto] } = media;
      targets[side] = { rtp: { address, port }, rtcp: { address, port: rtcpMux ? port : rtcpPort }, crypto, reports: reportsWritten(answer, index) };
    });
    fork.isStarted = true;
    await this.#options.seat.order({ kind: 'copy', fork: fork.number, targets });
  }

  #detach(fork: OpenFork): Promise<void> {
    fork.isStarted = false;
    return this.#options.seat.order({ kind: 'detach-copies', fork: fork.number });
  }

  #isConfirmed(fork: OpenFork, withinMs: number): Promise<boolean> {
    return this.#options.seat.ask({ kind: 'await-confirmed', fork: fork.number, withinMs }).then(() => true, () => false);
  }

  #stop(fork: OpenFork): Promise<void> {
    fork.isStarted = false;
    if (fork.ports === undefined) fork.isUnused = true;
    return this.#options.seat.order({ kind: 'stop-copies', fork: fork.number });
  }
}
