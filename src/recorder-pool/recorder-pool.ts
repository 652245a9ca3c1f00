/**
 * The recorders that a proxy may ask: which of them are there, how loaded they are, and in which order a call asks them.
 *
 * Owns       what is known of each recorder, the OPTIONS that find it out, and the back-off of those that fail.
 * Leaves to  recorder-state.ts what follows from what is heard; choice.ts the order; the asker the SIP; the calls what they
 *            do when a recorder is gone.
 * Bound      one entry for each recorder of the configuration, and of those that it had before for as long as calls run there.
 */
import { parseRecorderLoad, type RecorderLoad } from '../sip/index.js';
import { inOrder } from './choice.js';
import type { Clock } from './clock.js';
import { isAskable, newRecorder, step, type Heard, type RecorderFacts, type RecorderStateName } from './recorder-state.js';
import type { RecorderPoolSettings } from './settings.js';

export interface Member {
  /** SIP URI. */
  readonly uri: string;
  /** The least is asked first. */
  readonly priority: number;
}

export interface Choice {
  /** In the order to ask them. */
  readonly ask: readonly string[];
  /** Not to be asked now, and why, in words. */
  readonly spared: readonly { readonly uri: string; readonly reason: string }[];
}

export interface RecorderPool {
  /** One that the pool does not know is taken to be there. */
  choose(members: readonly Member[], sessionId: string): Choice;
  /** A session of ours began there, or ended. */
  began(uri: string): void;
  ended(uri: string): void;
  /**
   * It failed a session: it is left alone for the back-off, or for as long as it asked for. `fatal`: it is dead, and whoever
   * watches it is told.
   */
  failed(uri: string, reason: string, how: { readonly fatal: boolean; readonly retryAfterMs?: number }): void;
  /** Something looks as if it were gone: it is asked at once. */
  suspect(uri: string): void;
  /** Told, never from within a call of this pool, when the recorder is found dead. Returns what ends that. */
  watch(uri: string, told: (reason: string) => void): () => void;
  /** Told once, never from within this call, when one of them may be asked. Returns what ends that. */
  whenAskable(members: readonly Member[], told: () => void): () => void;
  /** Other members, of a configuration that was read again. */
  know(members: readonly Member[]): void;
  list(): readonly { readonly uri: string; readonly state: RecorderStateName; readonly reason: string; readonly sessions: number }[];
  close(): void;
}

export interface RecorderAnswer {
  readonly status: number;
  /** X-Recorder-Load. */
  readonly load?: string;
  readonly retryAfterSeconds?: number;
}

export interface RecorderPoolOptions {
  readonly members: readonly Member[];
  readonly settings: RecorderPoolSettings;
  /** OPTIONS: resolves with the answer, or undefined without one. */
  readonly ask: (uri: string, timeoutMs: number) => Promise<RecorderAnswer | undefined>;
  readonly clock: Clock;
  /** 0 to below 1. */
  readonly draw: () => number;
  readonly onChange: (change: { readonly uri: string; readonly up: boolean; readonly reason: string }) => void;
}

/** The first checks are spread over so long. */
const firstWithinMs = 500;
/** One that has just missed an answer is asked again so soon. */
const againMs = 200;
/** What many calls see at once is asked for once. */
const suspectedAgainMs = 200;

interface Entry {
  readonly uri: string;
  facts: RecorderFacts;
  load: RecorderLoad | undefined;
  /** Sessions of ours: all, and how many there were when it last told its own. */
  ours: number;
  oursWhenTold: number;
  known: boolean;
  /** It has answered OPTIONS, or taken a session. */
  answers: boolean;
  takes: boolean;
  /** An OPTIONS is under way; when the last one went out. */
  isAsked: boolean;
  askedAtMs: number;
  timer: unknown;
  backOff: unknown;
  readonly watchers: Set<(reason: string) => void>;
}

export function openRecorderPool(options: RecorderPoolOptions): RecorderPool {
  return new Pool(options);
}

class Pool implements RecorderPool {
  readonly #options: RecorderPoolOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting = new Set<{ readonly uris: ReadonlySet<string>; readonly told: () => void }>();
  #closed = false;

  constructor(options: RecorderPoolOptions) {
    this.#options = options;
    this.know(options.members);
  }

  know(members: readonly Member[]): void {
    const uris = new Set(members.map(({ uri }) => uri));
    for (const uri of uris) {
      const entry = this.#entries.get(uri) ?? this.#add(uri);
      if (entry.known) continue;
      entry.known = true;
      this.#askIn(entry, this.#options.draw() * firstWithinMs);
    }
    for (const entry of [...this.#entries.values()]) {
      if (uris.has(entry.uri)) continue;
      entry.known = false;
      this.#forget(entry);
    }
  }

  choose(members: readonly Member[], sessionId: string): Choice {
    const nowMs = this.#options.clock.now();
    const candidates: { uri: string; priority: number; sessions: number; share: number }[] = [];
    const spared: { uri: string; reason: string }[] = [];
    for (const { uri, priority } of members) {
      const entry = this.#entries.get(uri);
      const reason = entry === undefined ? undefined : this.#sparedBy(entry, nowMs);
      if (reason === undefined) candidates.push({ uri, priority, sessions: entry === undefined ? 0 : sessionsAt(entry), share: entry === undefined ? 1 : this.#shareOf(entry, nowMs) });
      else spared.push({ uri, reason });
    }
    return { ask: inOrder(candidates, sessionId).map(({ uri }) => uri), spared };
  }

  began(uri: string): void {
    const entry = this.#entries.get(uri) ?? this.#add(uri);
    entry.ours += 1;
    entry.takes = true;
    this.#hear(entry, { event: 'well', reason: '' });
  }

  ended(uri: string): void {
    const entry = this.#entries.get(uri);
    if (entry === undefined) return;
    entry.ours -= 1;
    this.#forget(entry);
  }

  failed(uri: string, reason: string, { fatal, retryAfterMs }: { readonly fatal: boolean; readonly retryAfterMs?: number }): void {
    const entry = this.#entries.get(uri);
    if (entry === undefined) return;
    this.#hear(entry, { event: fatal ? 'failed' : 'refused', reason, retryAfterMs });
    if (fatal) this.#tellDead(entry, reason);
  }

  suspect(uri: string): void {
    const entry = this.#entries.get(uri);
    if (entry === undefined || entry.isAsked || entry.facts.unanswered > 0) return;
    const { clock } = this.#options;
    if (clock.now() - entry.askedAtMs < suspectedAgainMs) return;
    this.#askIn(entry, 0);
  }

  watch(uri: string, told: (reason: string) => void): () => void {
    const entry = this.#entries.get(uri) ?? this.#add(uri);
    entry.watchers.add(told);
    return () => {
      entry.watchers.delete(told);
      this.#forget(entry);
    };
  }

  whenAskable(members: readonly Member[], told: () => void): () => void {
    const waiting = { uris: new Set(members.map(({ uri }) => uri)), told };
    this.#waiting.add(waiting);
    // One may be already.
    queueMicrotask(() => this.#tellWaiting());
    return () => void this.#waiting.delete(waiting);
  }

  list(): ReturnType<RecorderPool['list']> {
    return [...this.#entries.values()].map((entry) => ({ uri: entry.uri, state: entry.facts.name, reason: entry.facts.reason, sessions: sessionsAt(entry) }));
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    for (const entry of this.#entries.values()) this.#endTimers(entry);
    this.#entries.clear();
  }

  #add(uri: string): Entry {
    const entry: Entry = { uri, facts: newRecorder(this.#options.clock.now()), load: undefined, ours: 0, oursWhenTold: 0, known: false, answers: false, takes: false, isAsked: false, askedAtMs: Number.NEGATIVE_INFINITY, timer: undefined, backOff: undefined, watchers: new Set() };
    this.#entries.set(uri, entry);
    return entry;
  }

  /** One that the configuration does not have any more, and where no call runs. */
  #forget(entry: Entry): void {
    if (entry.known || entry.ours > 0 || entry.watchers.size > 0 || this.#entries.get(entry.uri) !== entry) return;
    this.#endTimers(entry);
    this.#entries.delete(entry.uri);
  }

  #endTimers({ timer, backOff }: Entry): void {
    this.#options.clock.clearTimeout(timer);
    this.#options.clock.clearTimeout(backOff);
  }

  #sparedBy({ uri, facts, load }: Entry, nowMs: number): string | undefined {
    if (facts.name === 'ejected') return `the recorder ${uri} is not asked for another ${Math.max(1, Math.ceil((facts.untilMs - nowMs) / 1_000))} s: ${facts.reason}`;
    if (facts.name === 'busy') return `the recorder ${uri} takes no sessions for now: ${facts.reason}`;
    if (load?.freePorts === 0) return `the recorder ${uri} has no media port free`;
    if (load?.freeMb === 0) return `the recorder ${uri} has no room on its disk`;
    return undefined;
  }

  #shareOf({ facts }: Entry, nowMs: number): number {
    const { slowStartMs } = this.#options.settings;
    if (facts.name === 'probing') return 0;
    return facts.name === 'starting' ? Math.min(1, (nowMs - facts.sinceMs) / slowStartMs) : 1;
  }

  #askIn(entry: Entry, ms: number): void {
    const { clock, settings } = this.#options;
    if (this.#closed || !settings.checks || this.#entries.get(entry.uri) !== entry) return;
    clock.clearTimeout(entry.timer);
    entry.timer = clock.setTimeout(() => void this.#ask(entry), ms);
  }

  async #ask(entry: Entry): Promise<void> {
    const { ask, settings, draw, clock } = this.#options;
    entry.isAsked = true;
    entry.askedAtMs = clock.now();
    const answer = await ask(entry.uri, settings.timeoutMs).catch(() => undefined);
    entry.isAsked = false;
    if (this.#closed) return;
    if (answer === undefined && !entry.answers && (entry.takes || entry.facts.name === 'probing')) {
      // Some makers' recorders answer no OPTIONS at all: sessions will show whether this is one.
    } else if (answer === undefined) {
      this.#hear(entry, { event: 'unanswered', reason: 'it does not answer OPTIONS' });
      // The last of them has shown that it is dead, however it was left alone before.
      if (entry.facts.unanswered === settings.failures) this.#tellDead(entry, 'it does not answer OPTIONS');
    } else this.#answered(entry, answer);
    const again = entry.facts.unanswered > 0 && entry.facts.unanswered < settings.failures;
    // A tenth more or less: recorders, and proxies that ask the same one, do not fall into step.
    this.#askIn(entry, again ? Math.min(againMs, settings.intervalMs) : settings.intervalMs * (0.9 + 0.2 * draw()));
  }

  #answered(entry: Entry, { status, load, retryAfterSeconds = 0 }: RecorderAnswer): void {
    entry.answers = true;
    const told = load === undefined ? undefined : parseRecorderLoad(load);
    if (told !== undefined && told !== 'malformed') {
      entry.load = told;
      entry.oursWhenTold = entry.ours;
    }
    // Any other answer shows that somebody is there, who may not know OPTIONS (RFC 3261 §21.4.6).
    if (status !== 503) this.#hear(entry, { event: 'well', reason: '' });
    else this.#hear(entry, { event: 'busy', reason: entry.load?.draining === true ? 'it is being emptied' : 'it answers OPTIONS with 503', retryAfterMs: retryAfterSeconds * 1_000 });
  }

  #hear(entry: Entry, heard: Heard): void {
    const { clock, settings, onChange } = this.#options;
    const before = entry.facts;
    const nowMs = clock.now();
    entry.facts = step(before, heard, nowMs, settings);
    if (entry.facts.name === before.name) return;
    if (entry.facts.name === 'ejected') {
      clock.clearTimeout(entry.backOff);
      entry.backOff = clock.setTimeout(() => this.#backOffOver(entry), entry.facts.untilMs - nowMs);
    } else if (entry.facts.name === 'starting') {
      entry.backOff = clock.setTimeout(() => this.#hear(entry, { event: 'started', reason: '' }), settings.slowStartMs);
    }
    const [was, is] = [isTaking(before), isTaking(entry.facts)];
    if (was !== is) onChange({ uri: entry.uri, up: is, reason: is ? 'it answers' : heard.reason });
    if (isAskable(entry.facts)) this.#tellWaiting();
  }

  /** Asked at once, that it need not wait for the next check. */
  #backOffOver(entry: Entry): void {
    this.#hear(entry, { event: 'back-off-over', reason: '' });
    this.#askIn(entry, 0);
  }

  #tellDead(entry: Entry, reason: string): void {
    for (const told of [...entry.watchers]) queueMicrotask(() => entry.watchers.has(told) && told(reason));
  }

  #tellWaiting(): void {
    for (const waiting of [...this.#waiting]) {
      if (![...waiting.uris].some((uri) => this.#mayBeAsked(uri))) continue;
      this.#waiting.delete(waiting);
      queueMicrotask(waiting.told);
    }
  }

  /** That a back-off is over is no reason to ask one again of which OPTIONS will tell in a moment whether it is back. */
  #mayBeAsked(uri: string): boolean {
    const entry = this.#entries.get(uri);
    if (entry === undefined) return true;
    const isOnTrial = entry.facts.name === 'probing' && entry.answers && this.#options.settings.checks;
    return !isOnTrial && this.#sparedBy(entry, this.#options.clock.now()) === undefined;
  }
}

/** What it told, with what we have begun and ended there since. */
const sessionsAt = ({ load, ours, oursWhenTold }: Entry): number => Math.max(0, load === undefined ? ours : load.sessions + ours - oursWhenTold);

/** One whose back-off is over is on trial: it counts as taking sessions once it has answered. */
const isTaking = ({ name }: RecorderFacts): boolean => name === 'up' || name === 'starting';
