/**
 * Recorders that fail, calls that run meanwhile, and between them the pool and the recording of calls as they are: in
 * time of its own, and all out of one seed.
 *
 * Owns       the course of one schedule: who is there, when which recorder fails, and that all are well at last.
 * Leaves to  failover-recorder, failover-fork and failover-call .fixture.ts how each of them goes on.
 */
import { openRecorderPool, recorderPoolSettings, type Clock, type RecorderPool } from '../recorder-pool/index.js';
import { VirtualClock } from '../recorder-pool/virtual-clock.fixture.js';
import type { SipConnection, SipDialog } from '../sip/index.js';
import { SimulatedCall } from './failover-call.fixture.js';
import type { FakeFork } from './failover-fork.fixture.js';
import { checkPackets, RunningChecks } from './failover-checks.fixture.js';
import { watchedPool } from './failover-pool.fixture.js';
import { FakeRecorder } from './failover-recorder.fixture.js';
import { planOf, type Fault } from './failover-schedule.fixture.js';
import type { ClientDialog } from './failover-session.fixture.js';
import { Dice } from './seeded-dice.fixture.js';

export interface ScheduleOutcome {
  readonly calls: number;
  readonly packets: number;
  /** Gone as the oldest of more than are kept, for want of a recorder. */
  readonly dropped: number;
  /** Lost on the way to a recorder before the first that came there: no report can tell. */
  /** Kept when its call ended: there was no recorder, or it failed just then. */
  readonly left: number;
  readonly takenOver: number;
  /** What was found wrong first; undefined: nothing. */
  readonly wrong: string | undefined;
}

const lookMs = 50;
/** The pool is looked at less often. */
const poolLooks = 4;
/** The longest back-off of a client, after a search that began before all were well. */
export const recoversWithinMs = 30_000 + 8_000;
/** What is on its way when a call is over is heard by then. */
const lastWordsMs = 300;
/** That a recorder is gone may go unseen for so long, and what it had be kept. */
const longUnseenMs = 12_000;
/** Requests in dialogs are sent for so long. */
const restMs = 40_000;

export async function runSchedule(seed: number, trace?: (line: string) => void): Promise<ScheduleOutcome> {
  const world = new World(seed, trace);
  await world.run();
  return world.outcome();
}

class World {
  readonly #clock = new VirtualClock();
  readonly #recorders: readonly FakeRecorder[];
  readonly #faults: Fault[];
  readonly #calls: SimulatedCall[];
  readonly #wellAtMs: number;
  readonly #pool: RecorderPool;
  readonly #checks = new RunningChecks((what) => this.#say(what));
  readonly #timers = new Set<unknown>();
  readonly #watched: ReturnType<typeof watchedPool>;
  readonly #trace: ((line: string) => void) | undefined;
  /** Copies whose recorder has been well for long, as of the end of their calls. */
  readonly #wellRecorded = new Set<FakeFork>();
  /** Copies that no other recorder could have taken over, at some time since the end of their calls. */
  readonly #hadNone = new Set<FakeFork>();
  readonly #recorderOf = new Map<string, FakeRecorder>();
  #ticks = 0;
  #wrong: string | undefined;

  constructor(seed: number, trace: ((line: string) => void) | undefined) {
    this.#trace = trace;
    const dice = new Dice(seed);
    const plan = planOf(dice);
    this.#faults = [...plan.faults];
    this.#wellAtMs = plan.wellAtMs;
    this.#recorders = plan.recorders.map((uri) => new FakeRecorder(uri, dice, this.#clock));
    const timers = this.#counted();
    const settings = recorderPoolSettings.parse(plan.pool);
    this.#pool = openRecorderPool({
      members: plan.recorders.map((uri, at) => ({ uri, priority: at + 1 })),
      settings,
      clock: timers,
      draw: () => dice.draw(),
      ask: (uri, timeoutMs) => this.#recorder(uri).options(timeoutMs),
      onChange: ({ uri, up, reason }) => this.#trace?.(`${this.#at()} pool: ${uri} ${up ? 'up' : 'down'}: ${reason}`),
    });
    const say = (what: string): void => this.#say(what);
    this.#watched = watchedPool(this.#pool, settings.firstBackOffMs - 2 * poolLooks * lookMs, this.#clock, say);
    const call = {
      clock: this.#clock, timers, dice, wrong: say,
      trace: (line: string) => this.#trace?.(`${this.#at()} ${line}`),
      sip: { srf: { createUAC: this.#invite }, contacts: [], verifiesTls: false, healthy: () => true, close: () => Promise.resolve() } as unknown as SipConnection,
      pool: this.#watched.pool,
      recorders: plan.recorders,
      packet: (session: string, side: 'caller' | 'callee', number: number) => this.#recorderWith(session).packet(session, side, number),
    };
    this.#calls = plan.calls.map((one, at) => new SimulatedCall(at + 1, one, call));
  }

  async run(): Promise<void> {
    const endMs = Math.max(this.#wellAtMs, ...this.#calls.map(({ plan }) => plan.endMs)) + restMs;
    this.#tick(endMs);
    await this.#clock.pass(endMs - this.#clock.now());
    this.#pool.close();
    if (this.#wrong === undefined) this.#last();
  }

  outcome(): ScheduleOutcome {
    const sum = (of: (call: SimulatedCall) => number): number => this.#calls.reduce((total, call) => total + of(call), 0);
    return {
      calls: this.#calls.length,
      packets: sum(({ sent: { caller, callee } }) => caller.sent + callee.sent),
      dropped: sum(({ sent: { caller, callee } }) => caller.missing('dropped') + callee.missing('dropped')),
      left: sum(({ sent: { caller, callee } }) => caller.missing('left') + callee.missing('left')),
      takenOver: sum(({ takenOver }) => takenOver),
      wrong: this.#wrong,
    };
  }

  #tick(endMs: number): void {
    const nowMs = this.#clock.now();
    if (nowMs >= endMs || this.#wrong !== undefined) return;
    this.#clock.setQuiet(() => this.#tick(endMs), lookMs);
    while ((this.#faults[0]?.atMs ?? Infinity) <= nowMs) this.#fail(this.#faults.shift() as Fault);
    for (const recorder of this.#recorders) recorder.tick();
    for (const call of this.#calls) {
      const before = call.state;
      call.tick();
      this.#checks.call(call, nowMs);
      if (before !== call.state) this.#trace?.(`${this.#at()} ${call.name} ${call.state}`);
      if (call.state !== 'to come' && nowMs - call.overAtMs < lastWordsMs) this.#watchEnd(call, nowMs);
      if (nowMs >= this.#wellAtMs + recoversWithinMs && call.isRecordable) this.#isRecordedAgain(call);
    }
    this.#ticks += 1;
    if (this.#ticks % poolLooks === 0) this.#watched.look();
  }

  #fail({ recorder, mood }: Fault): void {
    const failing = this.#recorders[recorder];
    if (failing === undefined) return;
    this.#trace?.(`${this.#at()} ${failing.uri} is ${mood}`);
    this.#clock.stir();
    failing.mood = mood;
  }

  /** What is kept at the end may be left only if there was no recorder that was well, and known to be. */
  #watchEnd(call: SimulatedCall, nowMs: number): void {
    const isWell = (recorder: FakeRecorder): boolean => nowMs - recorder.unwellAtMs > longUnseenMs;
    for (const copy of call.copies) {
      const recorder = copy.session === undefined ? undefined : this.#recorderWith(copy.session);
      const isRecorded = recorder !== undefined && isWell(recorder);
      const others = call.copies.flatMap((other) => (other === copy ? [] : (other.session?.split(' ')[0] ?? [])));
      const askable = this.#recorders.filter(({ uri }) => (call.plan.redundancy !== 'dual' || !others.includes(uri)) && this.#stateOf(uri) === 'up' && uri !== recorder?.uri);
      // One that is thought to be well and says nothing may take all the time that there is.
      const mayTakeOver = call.plan.redundancy !== 'single' && askable.length > 0 && askable.every(({ mood }) => mood === 'well');
      // Nobody is asked before there is media.
      if (!call.hasMedia || !mayTakeOver) this.#hadNone.add(copy);
      else if (call.state === 'talks') this.#hadNone.delete(copy);
      if (isRecorded || !this.#hadNone.has(copy)) this.#wellRecorded.add(copy);
      else this.#wellRecorded.delete(copy);
    }
  }

  #stateOf(uri: string): string | undefined {
    return this.#pool.list().find((one) => one.uri === uri)?.state;
  }

  #isRecordedAgain(call: SimulatedCall): void {
    if (nowIsNew(call.plan.beginMs, this.#clock.now())) return;
    for (const copy of call.copies) {
      if (copy.isStopped) continue;
      if (copy.session === undefined) this.#say(`${copy.name} is not recorded again, ${recoversWithinMs / 1_000} s after all recorders are well; pool: ${JSON.stringify(this.#pool.list())}`);
    }
  }

  /** The SIP of an INVITE. */
  readonly #invite = (uri: string, options: { readonly localSdp: string }, told: { cbRequest: (error: null, request: object) => void }): Promise<SipDialog> =>
    new Promise((resolve, reject) => {
      const name = /^s=(.*)$/mu.exec(options.localSdp)?.[1] ?? '';
      const call = this.#calls.find((one) => name.startsWith(one.name));
      const copy = call?.forks.find((one) => one.name === name);
      if (call === undefined || copy === undefined) throw new Error(`no call asks by the name ${name}`);
      const nowMs = this.#clock.now();
      this.#trace?.(`${this.#at()} ${name} asks ${uri}`);
      if (this.#stateOf(uri) === 'ejected') this.#say(`${name} asks ${uri}, which is ejected`);
      if (nowMs - copy.noneSinceMs < 1_000) this.#say(`${name} asks ${uri} ${nowMs - copy.noneSinceMs} ms after a search without a result`);
      let cancelled = false;
      let over = false;
      if (call.plan.redundancy === 'dual' && call.state === 'talks' && call.copies.some((other) => other !== copy && other.session?.startsWith(`${uri} `) === true)) this.#say(`${name} asks ${uri}, which has the other copy`);
      copy.asked += 1;
      const end = (): boolean => {
        if (over) return false;
        over = true;
        if (!cancelled) copy.asked -= 1;
        return true;
      };
      const gone = (): void => {
        if (!cancelled && !over) copy.asked -= 1;
        cancelled = true;
      };
      told.cbRequest(null, { cancel: gone });
      this.#recorder(uri).invite({
        copy: name,
        sent: call.sent,
        reported: copy,
        isCancelled: () => cancelled,
        isOver: () => over,
        accept: (dialog: ClientDialog) => {
          if (!end()) return;
          this.#trace?.(`${this.#at()} ${uri} takes ${name}`);
          resolve(dialog as unknown as SipDialog);
        },
        refuse: (status, retryAfterSeconds = 0) => {
          if (!end()) return;
          this.#trace?.(`${this.#at()} ${uri} refuses ${name} ${status ?? ''}`);
          reject(Object.assign(new Error('refused'), status === undefined ? {} : { status, res: { has: () => retryAfterSeconds > 0, get: () => `${retryAfterSeconds}` } }));
        },
      });
    });

  #last(): void {
    for (const call of this.#calls) {
      if (call.state !== 'over') this.#say(`${call.name} has not ended`);
      checkPackets(call, (side) => !call.copies.some((copy) => copy.of.includes(side) && this.#wellRecorded.has(copy)), (what) => this.#say(what));
    }
    for (const recorder of this.#recorders) for (const { copy } of recorder.openSessions()) this.#say(`${copy} has a session open at ${recorder.uri}`);
    for (const [uri, sessions] of this.#watched.sessions) if (sessions !== 0) this.#say(`the pool counts ${sessions} sessions at ${uri}`);
    if (this.#timers.size > 0) this.#say(`${this.#timers.size} timers wait`);
  }

  #recorder(uri: string): FakeRecorder {
    const recorder = this.#recorders.find((one) => one.uri === uri);
    if (recorder === undefined) throw new Error(`there is no recorder ${uri}`);
    return recorder;
  }

  /** The one that has that session. */
  #recorderWith(session: string): FakeRecorder {
    const known = this.#recorderOf.get(session) ?? this.#recorder(session.split(' ')[0] ?? '');
    this.#recorderOf.set(session, known);
    return known;
  }

  /** The clock of the code under test: what waits for it is known. */
  #counted(): Clock {
    return {
      now: () => this.#clock.now(),
      setTimeout: (then, ms) => {
        const timer = this.#clock.setTimeout(() => {
          this.#timers.delete(timer);
          then();
        }, ms);
        this.#timers.add(timer);
        return timer;
      },
      clearTimeout: (timer) => {
        this.#timers.delete(timer);
        this.#clock.clearTimeout(timer);
      },
    };
  }

  #at = (): string => `${(this.#clock.now() / 1_000).toFixed(3)} s`;

  #say(what: string): void {
    if (this.#wrong === undefined) this.#trace?.(`${this.#at()} WRONG: ${what}`);
    this.#wrong ??= `at ${this.#at()}: ${what}`;
  }
}

/** One that has just begun may still be asking for the first time. */
const nowIsNew = (beginMs: number, nowMs: number): boolean => nowMs - beginMs < recoversWithinMs;
