/**
 * The copies of one call that another media server sends here, kept and passed on to recorders as the relay's own are.
 *
 * Leaves to  whoever commands that server to have each party's packets sent to its intake, and to say what they are.
 */
import type { SdpMedia } from '../../sip/index.js';
import { sides, streamLabel, type CallFork, type DigitListener, type ForkTrouble, type Side } from '../door.js';
import type { OfferedStream } from '../offered-streams.js';
import { CallForks } from './call-forks.js';
import { CallSeat, type RelayPlace } from './call-seat.js';
import type { CallListener, CallSeats } from './media-thread.js';

export interface KeptCopiesOptions {
  readonly thread: CallSeats;
  /** What the thread calls it. */
  readonly number: number;
  readonly place: RelayPlace;
  /** The numeric origin of the SDPs made here (RFC 8866 §5.2). */
  readonly origin: string;
  readonly onDigit: DigitListener | undefined;
  /** Recorders are not told which key was pressed. */
  readonly dtmfMasked: boolean;
  readonly onClosed: () => void;
}

/** Where the copies of a side are to be sent: RTP, and RTCP on the same port. */
export interface Intake {
  readonly address: string;
  readonly port: number;
}

export class KeptCopies implements CallListener {
  readonly #options: KeptCopiesOptions;
  readonly #seat: CallSeat;
  readonly #forks: CallForks;
  readonly #intakes: Partial<Record<Side, Promise<Intake>>> = {};
  #streams: Readonly<Record<Side, SdpMedia>> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: KeptCopiesOptions) {
    this.#options = options;
    const { thread, number, place, origin, onDigit, dtmfMasked } = options;
    this.#seat = new CallSeat({ thread, number, listener: this });
    this.#forks = new CallForks({ seat: this.#seat, place, origin, streams: (paused) => this.#offered(paused) });
    void this.#seat.order({ kind: 'open', dtmfMasked, silentMs: undefined, hearsKeys: onDigit !== undefined });
  }

  /** @throws Failure PORTS_EXHAUSTED, MEDIA_BIND. */
  intake(side: Side): Promise<Intake> {
    this.#intakes[side] ??= this.#openIntake(side);
    return this.#intakes[side];
  }

  /** What the server says of the copies of each side: what they are, and where they come from. */
  async describe(streams: Readonly<Record<Side, SdpMedia>>): Promise<void> {
    this.#streams = streams;
    for (const side of sides) {
      const { address, port, crypto } = streams[side];
      await this.#seat.order({ kind: 'point', line: lineOf(side), side, rtp: { address, port }, rtcp: { address, port }, crypto });
    }
    // A call's thread is told what each side asks for, which is what the other sends.
    await this.#seat.order({ kind: 'describe', isAudio: true, audio: { caller: streams.callee, callee: streams.caller } });
    this.#forks.open();
    await this.#forks.opened();
  }

  openFork(of: readonly Side[]): Required<CallFork> {
    return this.#forks.add(of);
  }

  pause(): Promise<void> {
    return this.#forks.pause();
  }

  resume(): Promise<void> {
    return this.#forks.resume();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  key(from: Side, key: string): void {
    this.#options.onDigit?.(from, key);
  }

  forkTrouble(fork: number, trouble: ForkTrouble): void {
    this.#forks.troubled(fork, trouble);
  }

  silent(): void {
    // The server has the parties' media, and their silence.
  }

  played(): void {
    // Nothing is played into copies.
  }

  restarted(): void {
    // Nothing was played that would have to be told.
  }

  async #openIntake(side: Side): Promise<Intake> {
    const { place } = this.#options;
    const ports = await this.#seat.openPairs([side], () => place, (_side, pair) => ({ kind: 'face', line: lineOf(side), side, pair, isAudio: true }));
    return { address: place.announced, port: ports[side] };
  }

  async #close(): Promise<void> {
    this.#forks.close();
    await Promise.allSettled([...Object.values(this.#intakes), this.#forks.opened()]);
    await this.#seat.leave();
    this.#options.onClosed();
  }

  #offered(paused: boolean): Readonly<Record<Side, OfferedStream>> | undefined {
    const streams = this.#streams;
    if (streams === undefined || this.#closing !== undefined) return undefined;
    const offered = (side: Side): OfferedStream => {
      const { protocol, codecs, crypto, ptimeMs } = streams[side];
      return {
        label: streamLabel[side],
        protocol: protocol.includes('SAVP') ? 'RTP/SAVP' : 'RTP/AVP',
        codecs,
        crypto: crypto.slice(0, 1),
        direction: paused ? 'inactive' : 'sendonly',
        ...(ptimeMs === undefined ? {} : { ptimeMs }),
      };
    };
    return { caller: offered('caller'), callee: offered('callee') };
  }
}

/** Each side has a line of its own, which has no other face: what comes in goes to the forks alone. */
const lineOf = (side: Side): number => sides.indexOf(side);
