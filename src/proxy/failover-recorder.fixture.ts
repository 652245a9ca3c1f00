/**
 * For the simulation of failover: a recorder that dies, hangs, is cut off, refuses and is emptied, and is well again.
 *
 * Some packets are lost on their way to it, most often of the many that a session begins with.
 *
 * What it hears while it hangs or is cut off waits, as what is sent again and again does, and is answered when it wakes.
 */
import type { Side } from '../anchor/index.js';
import type { RecorderAnswer } from '../recorder-pool/index.js';
import type { VirtualClock } from '../recorder-pool/virtual-clock.fixture.js';
import type { SentBySide } from './failover-packets.fixture.js';
import { ClientDialog, RecorderSession, type Reported } from './failover-session.fixture.js';
import type { Dice } from './seeded-dice.fixture.js';

/** dead: its ports refuse; gone: its machine does not answer either. */
export const moods = ['well', 'dead', 'gone', 'hung', 'cut', 'refusing', 'draining'] as const;
export type Mood = (typeof moods)[number];

export interface Invite {
  /** Which copy of which call asks, for messages. */
  readonly copy: string;
  readonly sent: SentBySide;
  readonly reported: Reported;
  readonly isCancelled: () => boolean;
  /** Refused, for want of an answer. */
  readonly isOver: () => boolean;
  readonly accept: (dialog: ClientDialog) => void;
  /** Without a status: it could not be sent. */
  readonly refuse: (status?: number, retryAfterSeconds?: number) => void;
}

interface Waiting {
  readonly atMs: number;
  readonly handle: () => void;
  readonly refused: () => void;
}

/** RFC 3261 timers B and F. */
const givenUpMs = 32_000;
/** What the receive buffer of a socket holds. */
const bufferedPackets = 270;

export class FakeRecorder {
  readonly sessions = new Map<string, RecorderSession>();
  readonly #waiting: Waiting[] = [];
  readonly #buffered: (() => void)[] = [];
  readonly #dice: Dice;
  readonly #clock: VirtualClock;
  readonly #writeDelayMs: number;
  readonly #answersOptions: boolean;
  #mood: Mood = 'well';
  /** When it was last anything but well. */
  unwellAtMs = -Infinity;
  #refusal: number | 'unusable' = 503;
  #names = 0;

  constructor(readonly uri: string, dice: Dice, clock: VirtualClock) {
    this.#dice = dice;
    this.#clock = clock;
    this.#writeDelayMs = dice.between(50, 600);
    this.#answersOptions = dice.chance(0.9);
  }

  get mood(): Mood {
    return this.#mood;
  }

  set mood(next: Mood) {
    const before = this.#mood;
    this.#mood = next;
    this.unwellAtMs = this.#clock.now();
    if (next === 'dead' || next === 'gone') this.#die();
    if (next === 'refusing') this.#refusal = this.#dice.pick([503, 503, 486, 488, 'unusable'] as const);
    if (next === 'draining') for (const session of [...this.sessions.values()]) this.#leave(session);
    if (before === 'hung' || before === 'cut') this.#wake();
  }

  /** Whether what is sent to it comes to somebody. */
  get isReached(): boolean {
    return this.#mood === 'well' || this.#mood === 'refusing' || this.#mood === 'draining';
  }

  options(timeoutMs: number): Promise<RecorderAnswer | undefined> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => resolve(undefined), timeoutMs);
      if (!this.#answersOptions) return;
      this.#arrives(() => {
        const load = `sessions=${this.sessions.size}${this.#mood === 'draining' ? ';draining' : ''}`;
        const status = this.#mood === 'draining' || (this.#mood === 'refusing' && this.#refusal === 503 && this.#dice.chance(0.5)) ? 503 : 200;
        this.#clock.clearTimeout(timer);
        resolve({ status, load });
      }, () => resolve(undefined));
    });
  }

  invite(invite: Invite): void {
    this.#clock.setTimeout(() => invite.refuse(408), givenUpMs);
    const answered = (): void => {
      if (invite.isOver()) return;
      if (invite.isCancelled() && this.#dice.chance(0.7)) invite.refuse(487);
      else if (this.#mood === 'draining') invite.refuse(503, this.#dice.pick([0, 2]));
      else if (this.#mood === 'refusing' && this.#refusal !== 'unusable') invite.refuse(this.#refusal, this.#dice.pick([0, 0, 1, 5]));
      else this.#accept(invite);
    };
    const refused = (): void => {
      if (this.#dice.chance(0.8)) invite.refuse();
    };
    this.#arrives(() => void this.#clock.setTimeout(() => this.#hears({ atMs: this.#clock.now(), handle: answered, refused: () => undefined }), this.#dice.between(1, 150)), refused);
  }

  packet(id: string, side: Side, number: number): 'sent' | 'refused' {
    if (this.#mood === 'dead') return 'refused';
    if (this.#mood === 'gone' || this.#mood === 'cut') return 'sent';
    const session = this.sessions.get(id);
    if (session === undefined) return 'refused';
    if (session.isLostOnTheWay(this.#clock.now())) return 'sent';
    const take = (): void => session.take(side, number, this.#clock.now());
    if (this.#mood !== 'hung') take();
    else if (this.#buffered.length < bufferedPackets) this.#buffered.push(take);
    return 'sent';
  }

  /** Called some times a second. */
  tick(): void {
    const nowMs = this.#clock.now();
    if (this.#mood !== 'well') this.unwellAtMs = nowMs;
    if (this.#mood === 'dead' || this.#mood === 'gone' || this.#mood === 'hung') return;
    for (const session of this.sessions.values()) {
      session.write(nowMs - this.#writeDelayMs);
      if (nowMs < session.nextReportMs) continue;
      session.nextReportMs = nowMs + 1_000;
      if (this.#mood !== 'cut') session.report();
      if (this.#dice.chance(0.005)) session.loses(this.#dice.between(1, 30), nowMs + 300);
    }
  }

  #arrives(handle: () => void, refused: () => void): void {
    this.#clock.setTimeout(() => this.#hears({ atMs: this.#clock.now(), handle, refused }), this.#dice.between(1, 20));
  }

  #hears(heard: Waiting): void {
    if (this.#mood === 'dead') heard.refused();
    else if (this.isReached) heard.handle();
    else if (this.#mood !== 'gone') this.#waiting.push(heard);
  }

  #accept(invite: Invite): void {
    const id = `${this.uri} ${(this.#names += 1)}`;
    const answer = this.#mood === 'refusing' ? 'unusable' : id;
    const dialog = new ClientDialog(answer, {
      reinvite: (tell) =>
        this.#arrives(() => {
          if (!this.sessions.has(id)) tell(481, '');
          else if (this.#mood === 'refusing' && this.#dice.chance(0.5)) tell(this.#refusal === 'unusable' ? 488 : this.#refusal, '');
          else tell(200, id);
        }, () => undefined),
      bye: (tell) => {
        session.isLeft = true;
        this.#arrives(() => tell(this.#end(session) ? 200 : 481), () => undefined);
      },
    });
    const session = new RecorderSession(id, invite.copy, invite.sent, invite.reported, dialog, this.#clock.now());
    if (this.#dice.chance(0.2)) session.loses(this.#dice.between(1, 60), this.#clock.now() + 500);
    this.sessions.set(id, session);
    invite.accept(dialog);
  }

  /** What came is written before. */
  #end(session: RecorderSession): boolean {
    if (!this.sessions.delete(session.id)) return false;
    session.write(Infinity);
    return true;
  }

  #leave(session: RecorderSession): void {
    this.#end(session);
    this.#clock.setTimeout(() => {
      if (this.isReached) session.dialog.emit('destroy');
    }, this.#dice.between(1, 20));
  }

  /** What is not written is lost, less what its disk had. */
  #die(): void {
    const keeps = this.#dice.chance(0.3);
    if (keeps) for (const session of this.sessions.values()) session.write(this.#clock.now());
    this.sessions.clear();
    this.#waiting.length = this.#buffered.length = 0;
  }

  #wake(): void {
    for (const take of this.#buffered.splice(0)) take();
    const sinceMs = this.#clock.now() - givenUpMs;
    for (const { atMs, handle, refused } of this.#waiting.splice(0)) if (atMs >= sinceMs) this.#arrives(handle, refused);
  }

  /** Sessions whose client has hung up while nobody heard it are the recorder's to find. */
  openSessions(): readonly RecorderSession[] {
    return [...this.sessions.values()].filter((session) => !session.isLeft);
  }
}
