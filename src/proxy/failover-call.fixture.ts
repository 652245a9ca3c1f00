/**
 * For the simulation of failover: a call with its parties, who talk, hold, and change what is wished; its recording is
 * the real one.
 */
import { sides, type AnchoredCall, type CallFork, type Side } from '../anchor/index.js';
import type { Clock } from '../recorder-pool/index.js';
import type { VirtualClock } from '../recorder-pool/virtual-clock.fixture.js';
import type { RecordingControl, SipConnection } from '../sip/index.js';
import { CallRecording, type CallRecordingOptions } from './call-recording.js';
import { FakeFork, type ForkWorld } from './failover-fork.fixture.js';
import { SentPackets } from './failover-packets.fixture.js';
import type { Dice } from './seeded-dice.fixture.js';

export interface CallPlan {
  readonly redundancy: 'single' | 'primary-backup' | 'dual' | 'split';
  readonly beginMs: number;
  readonly endMs: number;
  readonly packetMs: number;
}

/** One packet each looks, and all that it needs of its world. */
export interface CallWorld extends ForkWorld {
  readonly clock: VirtualClock;
  /** What the code under test waits on. */
  readonly timers: Clock;
  readonly dice: Dice;
  readonly sip: SipConnection;
  readonly pool: CallRecordingOptions['pool'];
  readonly recorders: readonly string[];
  readonly trace: (line: string) => void;
}

/** The proxy gives packets on their way so long before it ends the recording. */
const lastPacketsMs = 150;

export class SimulatedCall {
  readonly name: string;
  readonly plan: CallPlan;
  readonly sent: Readonly<Record<Side, SentPackets>>;
  readonly forks: FakeFork[] = [];
  state: 'to come' | 'talks' | 'ends' | 'over' = 'to come';
  isLost = false;
  lostAtMs = -Infinity;
  overAtMs = Infinity;
  takenOver = 0;
  readonly #world: CallWorld;
  #recording: CallRecording | undefined;
  #media: string | undefined;
  #port = 4_000;
  #mediaAtMs: number;
  #nextPacketMs: number;
  #holdUntilMs = 0;
  #nextChangeMs: number;
  #wishes: RecordingControl | undefined;

  constructor(number: number, plan: CallPlan, world: CallWorld) {
    this.name = `call ${number} (${plan.redundancy})`;
    this.plan = plan;
    this.#world = world;
    const most = Math.ceil((plan.endMs - plan.beginMs) / plan.packetMs) + 4;
    this.sent = { caller: new SentPackets(most), callee: new SentPackets(most) };
    this.#mediaAtMs = plan.beginMs + world.dice.between(0, 3) * 200;
    this.#nextPacketMs = plan.beginMs;
    this.#nextChangeMs = this.#mediaAtMs + world.dice.between(1, 30) * 1_000;
  }

  /** Whether there is something to record, and time enough to have begun with it. */
  get isRecordable(): boolean {
    return this.state === 'talks' && this.#media !== undefined;
  }

  get hasMedia(): boolean {
    return this.#media !== undefined;
  }

  get copies(): readonly FakeFork[] {
    return this.plan.redundancy === 'split' ? this.forks.slice(1) : this.forks;
  }

  /** Called some times a second. */
  tick(): void {
    const nowMs = this.#world.clock.now();
    const { beginMs, endMs } = this.plan;
    if (this.state === 'to come' && nowMs >= beginMs) this.#begin();
    if (this.state === 'to come' || this.state === 'over') return;
    if (this.state === 'talks') {
      if (this.#media === undefined && nowMs >= this.#mediaAtMs) this.#change(true);
      if (nowMs >= this.#nextChangeMs) this.#somethingElse(nowMs);
      if (nowMs >= this.#nextPacketMs) this.#talk(nowMs);
      if (nowMs >= endMs) this.#end();
    }
    for (const fork of this.forks) fork.tick();
  }

  #begin(): void {
    const { dice, sip, pool, recorders, timers, clock } = this.#world;
    const { redundancy } = this.plan;
    this.state = 'talks';
    const own = this.#openFork(sides);
    const session = { sessionId: dice.between(0, 0xffff_ffff).toString(16).padStart(32, '0'), sipSessionId: this.name, startedAt: new Date(1_800_000_000_000), caller: { aor: 'sip:anna@example.net' }, callee: { aor: 'sip:bob@example.net' } };
    const members = recorders.map((uri, at) => ({ uri, priority: at + 1 }));
    const media: CallFork & Pick<AnchoredCall, 'openFork'> = Object.assign(own, { openFork: (of: readonly Side[]) => this.#openFork(of) });
    this.#recording = new CallRecording({
      sip,
      settings: { answerTimeoutMs: 4_000, withinMs: 8_000, afterCallMs: 8_000, keys: 'siprec', keysInClear: false },
      terms: { members: redundancy === 'single' ? members.slice(0, 1) : members, redundancy },
      pool,
      media: media as AnchoredCall,
      session,
      wishes: () => this.#wishes,
      clock: timers,
      onRecorderFailed: (reason) => this.#world.trace(`${this.name}: ${reason}`),
      onTakenOver: ({ recorder, cause }) => {
        this.takenOver += 1;
        this.#world.trace(`${this.name} is taken over by ${recorder}: ${cause}`);
      },
      onCopyLost: (reason) => {
        this.lostAtMs = clock.now();
        this.#world.trace(`${this.name} has lost a copy: ${reason}`);
      },
      onLost: (reason) => {
        if (this.isLost) this.#world.wrong(`${this.name} is told lost twice: ${reason}`);
        this.isLost = true;
        if (this.copies.length === 1 && this.copies[0]?.isStopped === true && /50[03]|in time|not asked|takes no sessions|left/u.test(reason)) this.#world.wrong(`${this.name} is given up although a recorder may take it later: ${reason}`);
        this.#world.trace(`${this.name} is lost: ${reason}`);
        this.lostAtMs = clock.now();
      },
      onResumed: () => {
        if (!this.isLost) this.#world.wrong(`${this.name} is told resumed, and was not lost`);
        this.isLost = false;
        this.#world.trace(`${this.name} is resumed`);
      },
    });
    // The fork of both sides is not used by a call whose sides are apart.
    if (redundancy === 'split') own.isStopped = false;
    if (dice.chance(0.5)) this.#change(false);
  }

  #openFork(of: readonly Side[]): FakeFork {
    const fork = new FakeFork(`${this.name} copy ${this.forks.length}`, of, this.sent, this.#world, () => this.#media);
    this.forks.push(fork);
    return fork;
  }

  #change(isMedia: boolean): void {
    if (isMedia) this.#media = `m=audio ${(this.#port += 2)} RTP/AVP 0\r\n`;
    this.#world.clock.stir();
    void this.#recording?.changed();
  }

  #somethingElse(nowMs: number): void {
    const { dice } = this.#world;
    this.#nextChangeMs = nowMs + dice.between(1, 40) * 500;
    const what = dice.between(0, 3);
    if (what === 0) this.#holdUntilMs = nowMs + dice.between(1, 16) * 500;
    else if (what === 1) this.#wishes = { keep: true, pauses: [], said: [], tags: { n: `${nowMs}` } };
    this.#change(what === 0 || what === 2);
  }

  #talk(nowMs: number): void {
    this.#nextPacketMs += this.plan.packetMs;
    if (nowMs < this.#holdUntilMs) return;
    for (const side of sides) {
      const packets = this.sent[side];
      const number = packets.sent;
      if (number >= packets.most) continue;
      packets.sent += 1;
      for (const copy of this.copies) copy.streams.get(side)?.copy(number);
    }
  }

  #end(): void {
    const { clock } = this.#world;
    this.state = 'ends';
    clock.setTimeout(() => {
      void this.#recording?.end().then(() => {
        for (const fork of this.forks) fork.close();
        this.state = 'over';
        this.overAtMs = clock.now();
      });
    }, lastPacketsMs);
  }
}
