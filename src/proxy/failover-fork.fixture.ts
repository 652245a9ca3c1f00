/**
 * For the simulation of failover: a fork of a call as the relay has it, whose packets are numbers.
 *
 * Owns       what is kept until it is confirmed, as anchor/relay/fork.ts and confirmed.ts keep it; the troubles.
 * Leaves to  failover-recorder.fixture.ts what becomes of a packet that was sent.
 */
import { Failure } from '../errors/index.js';
import type { CallFork, ForkTrouble, RecordingOffer, Side } from '../anchor/index.js';
import type { VirtualClock } from '../recorder-pool/virtual-clock.fixture.js';
import { KeptStream } from './failover-kept.fixture.js';
import type { SentBySide, WrittenLine, WrittenReport } from './failover-packets.fixture.js';
import type { Reported } from './failover-session.fixture.js';

export interface ForkWorld {
  readonly clock: VirtualClock;
  readonly packet: (session: string, side: Side, number: number) => 'sent' | 'refused';
  readonly wrong: (what: string) => void;
}

/** An order to the media thread, and what it tells, are on their way for so long. */
const onTheWayMs = 1;

export class FakeFork implements CallFork, Reported {
  readonly streams: ReadonlyMap<Side, KeptStream>;
  /** The recorder's session, as signalling knows it. */
  session: string | undefined;
  /** That session has begun: until then it may end, and nobody is told that the call was recorded again. */
  hasBegun = false;
  /** Ended by the proxy, as one that nothing will be recorded by. */
  isStopped = false;
  /** Since when there is neither a session nor a search. */
  noneSinceMs = -Infinity;
  /** INVITEs of this copy that are not answered. */
  asked = 0;
  #isStarted = false;
  #told: (trouble: ForkTrouble) => void = () => undefined;
  #versions = 0;
  #detaches = 0;
  readonly #world: ForkWorld;
  readonly #media: () => string | undefined;

  /** @param media what is offered; undefined while it is not known */
  constructor(readonly name: string, readonly of: readonly Side[], sent: SentBySide, world: ForkWorld, media: () => string | undefined) {
    this.#world = world;
    this.#media = media;
    this.streams = new Map(of.map((side) => [side, new KeptStream(side, sent[side], world, (trouble) => this.#trouble(trouble))]));
  }

  recordingOffer(): Promise<RecordingOffer | undefined> {
    const media = this.#media();
    return Promise.resolve(media === undefined ? undefined : { sdp: `v=0\r\no=- 1 ${(this.#versions += 1)} IN IP4 192.0.2.9\r\ns=${this.name}\r\n${media}`, holdsKeys: false });
  }

  async startFork(answer: string): Promise<void> {
    if (answer === 'unusable') throw new Failure('SIPREC_UNUSABLE', "the recorder's answer cannot be read");
    this.session = answer;
    this.#isStarted = true;
    await this.#order(() => this.#each((stream) => stream.start(answer)));
    this.hasBegun = this.session === answer;
  }

  detachFork(): Promise<void> {
    this.#detaches += 1;
    if (this.session === undefined) this.noneSinceMs = this.#world.clock.now();
    this.session = undefined;
    this.hasBegun = this.#isStarted = false;
    return this.#order(() => this.#each((stream) => stream.detach()));
  }

  /** Whether the recorder that has it has reported of each of its sides. */
  get reports(): boolean {
    return [...this.streams.values()].every(({ reports }) => reports);
  }

  forkConfirmed(withinMs: number): Promise<boolean> {
    const { clock } = this.#world;
    const untilMs = clock.now() + withinMs;
    const detaches = this.#detaches;
    return new Promise((resolve) => {
      const look = (): void => {
        const streams = [...this.streams.values()];
        if (streams.every((stream) => stream.isConfirmed)) resolve(true);
        else if (!this.#isStarted || this.#detaches !== detaches || clock.now() >= untilMs || streams.some((stream) => !stream.isConfirmed && !stream.reports)) resolve(false);
        else clock.setTimeout(look, onTheWayMs * 20);
      };
      clock.setTimeout(() => {
        this.#each((stream) => stream.ends());
        look();
      }, onTheWayMs);
    });
  }

  stopFork(): Promise<void> {
    this.isStopped = true;
    this.#isStarted = false;
    return this.#order(() => this.#each((stream) => stream.stop()));
  }

  watchFork(told: (trouble: ForkTrouble) => void): void {
    this.#told = told;
  }

  heard(session: string, side: Side, report: WrittenReport, line: WrittenLine): void {
    this.streams.get(side)?.heard(session, report, line);
  }

  /** Called some times a second. */
  tick(): void {
    this.#each((stream) => stream.look());
  }

  /** The call is over, and its media. */
  close(): void {
    this.#each((stream) => stream.close());
  }

  #each(what: (stream: KeptStream) => void): void {
    for (const stream of this.streams.values()) what(stream);
  }

  #order(then: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.#world.clock.setQuiet(then, onTheWayMs);
      this.#world.clock.setTimeout(resolve, 2 * onTheWayMs);
    });
  }

  #trouble(trouble: ForkTrouble): void {
    this.#world.clock.setTimeout(() => {
      if (!this.#isStarted) return;
      this.#isStarted = false;
      this.#told(trouble);
    }, onTheWayMs);
  }
}
