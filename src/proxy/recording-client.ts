/**
 * The copy of a call at one recorder, from the client's side (SRC, RFC 7866 §6): which recorder has it, and which one
 * takes over when that is gone.
 *
 * Owns       when a recorder is looked for, and what shows that it is gone; one recording session at a time.
 * Leaves to  recorder-search.ts who is asked; recording-dialog.ts the session's SIP; the anchor the media, of which it
 *            keeps what no recorder has confirmed; the call, which never waits for anything here.
 *
 * Where no recorder takes the call the recording is lost, and told so; it is taken up again, in the same call, as soon
 * as one may be asked.
 *
 * Runs through the states of `transitions`; whatever arrives in a state that the table does not name is late or a
 * duplicate and changes nothing.
 *
 * Invariants
 * 1. Of two changes the second waits for the answer to the first (RFC 3261 §14.1).
 * 2. A recorder that was left is not asked in the search that follows, and after a search without a result nobody is
 *    before the back-off is over; of a call that is over, a second.
 */
import type { CallFork, ForkTrouble, Side } from '../anchor/index.js';
import { Failure, messageOf } from '../errors/index.js';
import type { Clock, RecorderPool } from '../recorder-pool/index.js';
import type { RecordingControl, SipConnection } from '../sip/index.js';
import { checkKeysMayTravel, type RecordingBodies, type RecordingBody } from './recording-body.js';
import { RecordingDialog } from './recording-dialog.js';
import { sparesRecorder } from './recorder-faults.js';
import { membersToAwait, searchRecorder, type RecorderSearch } from './recorder-search.js';
import type { ProxySettings } from './settings.js';

/** Why a recorder was left in the middle of a call. */
export const takeoverCauses = [...(['port-unreachable', 'no-reports'] as const satisfies readonly ForkTrouble[]), 'left', 'refused', 'no-answer', 'dead'] as const;
export type TakeoverCause = (typeof takeoverCauses)[number];

/** Another recorder has the call, so long after the one before was found to be gone, and why that was. */
export interface TakenOver {
  readonly recorder: string;
  readonly cause: TakeoverCause;
  readonly reason: string;
  readonly ms: number;
}

export interface RecordingClientOptions {
  readonly sip: SipConnection;
  readonly settings: Pick<ProxySettings['recording'], 'answerTimeoutMs' | 'withinMs' | 'afterCallMs' | 'keys' | 'keysInClear'>;
  readonly members: RecorderSearch['members'];
  readonly pool: Pick<RecorderPool, 'choose' | 'began' | 'ended' | 'failed' | 'suspect' | 'watch' | 'whenAskable'>;
  readonly elsewhere?: RecorderSearch['elsewhere'];
  readonly media: CallFork;
  /** Whose streams the fork copies. */
  readonly of: readonly Side[];
  readonly bodies: RecordingBodies;
  readonly sessionId: string;
  readonly sipSessionId: string;
  /** What the recorder is to know beside the media; undefined: nothing. Told with each change. */
  readonly wishes?: () => RecordingControl | undefined;
  readonly clock: Clock;
  /** A recorder did not take the session, or left it, and another is asked. */
  readonly onRecorderFailed: (reason: string) => void;
  readonly onTakenOver: (taken: TakenOver) => void;
  /** The call has no recorder, for so long already, and goes on; or it ended before one had the rest of it. */
  readonly onLost: (reason: string, forMs: number) => void;
  /** It goes on, after onLost. */
  readonly onResumed: () => void;
}

/** How long the end waits for the answer to what is being told, and for that to the BYE. */
const lastWordMs = 2_000;
/** A recorder reports each second, and of what is sent to it again with the next report. */
const confirmedWithinMs = 4_000;
/**
 * What the anchor has kept goes out in bursts: a session that took over, at a recorder that does not report, is not ended
 * before.
 */
const replayMs = 1_600;
const firstRetryMs = 1_000;
/** Less than the anchor keeps. */
const longestRetryMs = 4_000;
/** A session that ran for so long was well. */
const wellAfterMs = 10_000;

const troubles: Readonly<Record<Exclude<ForkTrouble, 'port-refused'>, string>> = {
  'port-unreachable': 'nobody listens at its media port any more',
  'no-reports': 'it does not report any more what it has written',
};

type State = 'idle' | 'searching' | 'live' | 'waiting' | 'over';
type Event = 'start' | 'answered' | 'none-took-it' | 'recorder-gone' | 'askable' | 'failed' | 'ended';

/** Which state follows; a pair that is not here is late or a duplicate. */
export const transitions: Readonly<Record<State, Partial<Record<Event, State>>>> = {
  idle: { start: 'searching', failed: 'over', ended: 'over' },
  searching: { 'answered': 'live', 'none-took-it': 'waiting', 'failed': 'over', 'ended': 'over' },
  live: { 'recorder-gone': 'searching', 'failed': 'over', 'ended': 'over' },
  waiting: { askable: 'searching', ended: 'over' },
  over: {},
};

/** The session that runs. */
interface Live {
  readonly dialog: RecordingDialog;
  readonly sinceMs: number;
  /** From a recorder that was gone, or after there was none. */
  readonly tookOver: boolean;
  readonly unwatch: () => void;
  /** Rejects what is being told when the recorder is gone. */
  readonly gone: Promise<never>;
  readonly tellGone: (failure: Failure) => void;
}

export class RecordingClient {
  readonly #options: RecordingClientOptions;
  #state: State = 'idle';
  #live: Live | undefined;
  /** The one that is being asked. */
  #asking = '';
  #searchEnds = new AbortController();
  #offered = '';
  #asked = false;
  #accepted = false;
  #isLost = false;
  /** Who was left last, and when: until another has taken over. */
  #left: { readonly recorder: string; readonly cause: TakeoverCause; readonly reason: string; readonly atMs: number } | undefined;
  #detached: Promise<void> = Promise.resolve();
  #retries = 0;
  /** When the last search had no result. */
  #noneAtMs = 0;
  #endWait: () => void = () => undefined;
  /** One change at a time: no second INVITE while one is unanswered (RFC 3261 §14.1). */
  #changes: Promise<void> = Promise.resolve();
  /** Changes under way or waiting. */
  #untold = 0;
  /** The change that waits for the one under way. */
  #next: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #tellBegun: () => void = () => undefined;
  /** Resolves when a recorder is being asked for the first time, or none is to be. */
  readonly begun = new Promise<void>((resolve) => (this.#tellBegun = resolve));

  constructor(options: RecordingClientOptions) {
    this.#options = options;
    options.media.watchFork((trouble) => {
      if (trouble !== 'port-refused') this.#gone(this.#live, trouble, troubles[trouble]);
      else if (this.#live !== undefined) options.pool.suspect(this.#live.dialog.recorder);
    });
  }

  /** True once there was something to record: a recorder was looked for. */
  get asked(): boolean {
    return this.#asked;
  }

  /** True once a recorder has accepted: then a capture exists. */
  get accepted(): boolean {
    return this.#accepted;
  }

  /** The recorder that has the call, or is being asked. */
  get recorder(): string | undefined {
    if (this.#state === 'searching') return this.#asking === '' ? undefined : this.#asking;
    return this.#live?.dialog.recorder;
  }

  /**
   * The media of the call, or what is wished of its recording, changed or became known: opens the session, or tells
   * the recorder. Whoever comes while another change waits is told with that one.
   */
  changed(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    this.#untold += 1;
    this.#next = this.#changes = this.#changes.then(async () => {
      this.#next = undefined;
      await this.#change();
      this.#untold -= 1;
    });
    return this.#next;
  }

  /**
   * The call is over: ends the session. What is being told, that somebody asked for the recording perhaps, is told before,
   * and a recorder that has been asked is waited for, since the anchor has kept what it is to get: for as long as that may
   * take. A recorder that does not answer the end has died unseen: another gets what it may not have written. Resolves
   * when the media is not needed any more.
   */
  end(): Promise<void> {
    this.#ending ??= this.#endInTime();
    return this.#ending;
  }

  async #endInTime(): Promise<void> {
    const { clock, settings } = this.#options;
    const untilMs = clock.now() + settings.afterCallMs;
    for (;;) {
      // One that is back may be asked for what was kept, although the back-off is not over.
      if (this.#state === 'waiting') {
        const waitsMs = Math.max(0, this.#noneAtMs + firstRetryMs - clock.now());
        if (clock.now() + waitsMs > untilMs) break;
        if (waitsMs > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, waitsMs));
        this.#askAgain();
      }
      const searches = this.#state === 'searching';
      if (searches || (this.#state === 'live' && this.#untold > 0)) {
        let timer: unknown;
        await Promise.race([this.#changes, new Promise<void>((resolve) => (timer = clock.setTimeout(resolve, searches ? untilMs - clock.now() : lastWordMs)))]);
        clock.clearTimeout(timer);
      }
      const live = this.#live;
      await this.#allIsWritten(live, searches);
      if (clock.now() >= untilMs || (await this.#endLive(live))) break;
    }
    this.#end();
  }

  /** Or will not be, as far as can be told. */
  async #allIsWritten(live: Live | undefined, searched: boolean): Promise<void> {
    const { clock, media } = this.#options;
    if (live === undefined || (await media.forkConfirmed?.(confirmedWithinMs)) === true || this.#live !== live) return;
    const replaysMs = live.tookOver || searched ? live.sinceMs + replayMs - clock.now() : 0;
    if (replaysMs > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, replaysMs));
  }

  /** Resolves to false while there is no recorder for what none may have written, or another that has yet to write it. */
  async #endLive(live: Live | undefined): Promise<boolean> {
    if (this.#state !== 'live') return this.#state !== 'searching' && this.#state !== 'waiting';
    if (this.#live !== live) return false;
    // From now on its ports may be closed: nothing but its answer shows whether it is there.
    this.#takeLive();
    if (live === undefined || (await live.dialog.end(lastWordMs))) return true;
    return !this.#leave(live, 'no-answer', `the recorder ${live.dialog.recorder} did not answer the end of the recording session`);
  }

  #end(): void {
    const untaken = this.#state === 'searching' && !this.#isLost ? this.#left : undefined;
    if (!this.#step('ended')) return;
    this.#searchEnds.abort();
    this.#endWait();
    this.#takeLive()?.dialog.bye();
    if (untaken !== undefined) this.#options.onLost(`${untaken.reason}; no other had taken over when the call was over`, this.#leftForMs);
  }

  get #leftForMs(): number {
    return this.#left === undefined ? 0 : this.#options.clock.now() - this.#left.atMs;
  }

  async #change(): Promise<void> {
    try {
      if (this.#state === 'waiting' || this.#state === 'over') return;
      const body = await this.#body();
      if (this.#state === 'live') {
        if (body !== undefined) await this.#tell(body);
        return;
      }
      if (body === undefined) {
        // Nothing to record yet; or, in a search, nothing any more.
        if (this.#step('none-took-it')) this.#lookAgainLater();
        return;
      }
      this.#step('start');
      if (this.#state === 'searching') await this.#search(body);
    } catch (error) {
      this.#giveUp(messageOf(error));
    }
  }

  /** Not for want of a recorder: nobody could mend it. */
  #giveUp(reason: string): void {
    if (!this.#step('failed')) return;
    this.#tellBegun();
    this.#takeLive()?.dialog.bye();
    void this.#options.media.stopFork();
    this.#options.onLost(reason, this.#leftForMs);
  }

  #step(event: Event): boolean {
    const next = transitions[this.#state][event];
    if (next !== undefined) this.#state = next;
    return next !== undefined;
  }

  async #search(body: RecordingBody): Promise<void> {
    const { settings, clock, onRecorderFailed, pool, members, elsewhere, sessionId } = this.#options;
    this.#asked = true;
    this.#searchEnds = new AbortController();
    const search = { members, pool, elsewhere, sessionId, withinMs: settings.withinMs, clock, onRecorderFailed };
    const vain = await searchRecorder(search, this.#left, () => this.#state !== 'searching', (recorder) => this.#ask(recorder, body));
    this.#asking = '';
    if (vain !== undefined) this.#none(vain.reason, vain.mayMend);
  }

  async #ask(recorder: string, body: RecordingBody): Promise<void> {
    const { sip, settings, sipSessionId, clock, pool, media } = this.#options;
    if (body.holdsKeys) checkKeysMayTravel(recorder, settings.keysInClear, sip.verifiesTls);
    this.#asking = recorder;
    this.#tellBegun();
    const dialog = await RecordingDialog.invite({ sip, recorder, sipSessionId, body, clock, answerTimeoutMs: settings.answerTimeoutMs, signal: this.#searchEnds.signal });
    // The media of the one before may still tell that it is gone: this one has not begun.
    await this.#detached;
    if (!this.#step('answered')) {
      dialog.bye();
      return;
    }
    this.#accepted = true;
    let tellGone: Live['tellGone'] = () => undefined;
    const gone = new Promise<never>((_, reject) => (tellGone = reject));
    gone.catch(() => undefined);
    pool.began(recorder);
    const live: Live = { dialog, sinceMs: clock.now(), tookOver: this.#left !== undefined || this.#isLost, gone, tellGone, unwatch: pool.watch(recorder, (reason) => this.#gone(live, 'dead', reason)) };
    this.#live = live;
    dialog.onLeft(() => this.#gone(live, 'left', 'it ended the recording session'));
    try {
      await media.startFork(dialog.answer);
    } catch (error) {
      // What it answered is of no use: another may answer better.
      if (this.#live !== live) return;
      this.#takeLive();
      dialog.bye();
      this.#step('recorder-gone');
      throw error;
    }
    if (this.#live === live) this.#settled(recorder);
  }

  #settled(recorder: string): void {
    const { clock, onTakenOver, onResumed } = this.#options;
    const left = this.#left;
    this.#left = undefined;
    if (left !== undefined) onTakenOver({ recorder, cause: left.cause, reason: left.reason, ms: clock.now() - left.atMs });
    if (!this.#isLost) return;
    this.#isLost = false;
    onResumed();
  }

  async #tell(body: RecordingBody): Promise<void> {
    const { settings, sip, media } = this.#options;
    const live = this.#live;
    if (live === undefined) return;
    // Keys that came later and may not travel: no recorder of the group that is reached in clear may have them.
    if (body.holdsKeys) checkKeysMayTravel(live.dialog.recorder, settings.keysInClear, sip.verifiesTls);
    try {
      const answer = await Promise.race([live.dialog.tell(body), live.gone]);
      if (this.#live === live) await media.startFork(answer);
    } catch (error) {
      this.#gone(live, error instanceof Failure && error.code === 'SIP_TIMEOUT' ? 'no-answer' : 'refused', messageOf(error), error);
    }
  }

  /** The recorder of a running session is gone, or has to be left: another takes over what the anchor has kept. */
  #gone(live: Live | undefined, cause: TakeoverCause, why: string, error?: unknown): void {
    if (live === undefined || this.#live !== live) return;
    const { recorder } = live.dialog;
    const reason = why.includes(recorder) ? why : `the recorder ${recorder} was left: ${why}`;
    if (!this.#leave(live, cause, reason, error)) return;
    live.tellGone(new Failure('SIP_TIMEOUT', reason));
    if (cause !== 'left') live.dialog.bye();
  }

  #leave(live: Live, cause: TakeoverCause, reason: string, error?: unknown): boolean {
    if (!this.#step('recorder-gone')) return false;
    const { clock, media, pool, onRecorderFailed } = this.#options;
    const { recorder } = live.dialog;
    this.#takeLive();
    this.#detached = media.detachFork();
    if (cause === 'port-unreachable' || cause === 'no-reports' || cause === 'no-answer' || sparesRecorder(error)) pool.failed(recorder, reason, { fatal: false });
    const nowMs = clock.now();
    if (nowMs - live.sinceMs >= wellAfterMs) this.#retries = 0;
    this.#left = { recorder, cause, reason, atMs: nowMs };
    this.#offered = '';
    onRecorderFailed(reason);
    // A turn later: of many calls whose recorder has died at once, each notices before the first asks another.
    this.#changes = this.#changes.then(() => new Promise<void>((resolve) => void clock.setTimeout(resolve, 0)));
    void this.changed();
    return true;
  }

  #takeLive(): Live | undefined {
    const live = this.#live;
    this.#live = undefined;
    if (live === undefined) return undefined;
    live.unwatch();
    this.#options.pool.ended(live.dialog.recorder);
    return live;
  }

  #none(reason: string, mayMend: boolean): void {
    if (!mayMend) {
      this.#giveUp(reason);
      return;
    }
    if (!this.#step('none-took-it')) return;
    this.#tellBegun();
    this.#detached = this.#options.media.detachFork();
    if (!this.#isLost) {
      this.#isLost = true;
      this.#options.onLost(reason, this.#leftForMs);
    }
    this.#lookAgainLater();
  }

  /** Not before the back-off is over, and then as soon as somebody may be asked. */
  #lookAgainLater(): void {
    const { clock, pool } = this.#options;
    if (this.#state !== 'waiting') return;
    const ms = Math.min(firstRetryMs * 2 ** this.#retries, longestRetryMs);
    this.#retries += 1;
    this.#noneAtMs = clock.now();
    let endAsking: () => void = () => undefined;
    const timer = clock.setTimeout(() => {
      endAsking = pool.whenAskable(membersToAwait(this.#options), () => this.#askAgain());
    }, ms);
    this.#endWait = () => {
      clock.clearTimeout(timer);
      endAsking();
    };
  }

  #askAgain(): void {
    if (!this.#step('askable')) return;
    this.#endWait();
    this.#offered = '';
    this.#left = undefined;
    void this.changed();
  }

  /** Offer and metadata in one body; undefined when there is nothing to record yet or nothing new to tell. */
  async #body(): Promise<RecordingBody | undefined> {
    const { media, wishes, bodies, of, settings } = this.#options;
    const made = await media.recordingOffer();
    if (made === undefined) return undefined;
    const { content, body } = bodies.make(made, wishes?.(), of, settings.keys);
    if (content === this.#offered) return undefined;
    this.#offered = content;
    return body;
  }
}
