/**
 * Who may begin something new here, now. Requests inside dialogs, CANCELs and ACKs never come here: what
 * has begun is finished first.
 *
 * Leaves to  shedding and source-limit the arithmetic; the transaction layer the answers.
 */
import type { Clock } from '../timing.js';
import type { LoadMeter } from './load-meter.js';
import { Shedding } from './shedding.js';
import type { SourceBuckets } from './source-limit.js';

/** Let in; answered 503 with Retry-After (RFC 3261 §21.5.4); not answered at all. */
export type Verdict = 'admitted' | 'turned-away' | 'ignored';

export interface TurnedAway {
  /** This edge, or every application for what was asked, has no time for more. */
  overload: number;
  /** One source sent more than it may. */
  sourceRate: number;
}

const MEASURE_MS = 50;

export interface AdmissionOptions {
  readonly clock: Clock;
  /** Absent: load is not looked at. */
  readonly load?: LoadMeter | undefined;
  /** How long new calls wait at the application that takes them soonest. */
  readonly lagMs?: () => number;
  /** Whether some application keeps up with what it gets of that verb (lower case), or none takes it. */
  readonly keepsUp: (verb: string) => boolean;
}

export class Admission {
  readonly turnedAway: TurnedAway = { overload: 0, sourceRate: 0 };
  #sources: SourceBuckets | undefined;
  readonly #shedding = new Shedding();
  #measuredAt = 0;

  constructor(private readonly options: AdmissionOptions) {}

  /** Bounds each single source from now on, or none. */
  limitSources(sources: SourceBuckets | undefined): void {
    this.#sources = sources;
  }

  /** Judges a request that is in no dialog. */
  judge(method: string, source: string): Verdict {
    const { clock, keepsUp } = this.options;
    const now = clock.now();
    const excess = this.#sources?.take(source, now) ?? 'none';
    if (excess !== 'none') {
      this.turnedAway.sourceRate += 1;
      return excess === 'over' ? 'turned-away' : 'ignored';
    }
    this.#measure(now);
    if (!this.#shedding.turnsAway(now) && keepsUp(method.toLowerCase())) return 'admitted';
    this.turnedAway.overload += 1;
    return 'turned-away';
  }

  /** Whether there is less time than new requests ask for. */
  get pressed(): boolean {
    return this.#shedding.allowedPerSecond !== Infinity;
  }

  /** Seconds after which to try again: spread, so that not all come back at once. */
  get retryAfterSeconds(): number {
    return 2 + ((this.turnedAway.overload + this.turnedAway.sourceRate) % 9);
  }

  #measure(now: number): void {
    const { load } = this.options;
    if (load === undefined || (now >= this.#measuredAt && now - this.#measuredAt < MEASURE_MS)) return;
    const elapsedMs = Math.max(1, now - this.#measuredAt);
    this.#measuredAt = now;
    this.#shedding.measured({ ...load(), lagMs: this.options.lagMs?.() ?? 0 }, elapsedMs);
  }
}
