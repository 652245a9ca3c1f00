/**
 * What the parties of one call are told of being recorded: an announcement, a beep now and then.
 *
 * Owns       when they are played, and what came of them.
 * Leaves to  policy/ what is to be told; the anchor the playing; its keeper the log, the metrics and the ledger.
 */
import { sides, type AnchoredCall, type PlayEnd, type Playing, type PlayOutcome, type Side } from '../anchor/index.js';
import { Sound, tone } from '../media/index.js';
import type { Decision } from '../policy/index.js';
import type { Announcements } from './announcement-files.js';

/** `unknown`: the policy service named an announcement that the configuration does not have. */
export type NoticeOutcome = PlayOutcome | 'unknown';

export interface NoticesOptions {
  readonly decision: Pick<Decision, 'announcement' | 'beep'>;
  readonly media: Pick<AnchoredCall, 'play'>;
  readonly announcements: Announcements;
  /** Whether the recording runs now, and is kept. */
  readonly recording: () => boolean;
  /** What came of the announcement, for each party. */
  readonly onAnnounced: (name: string, outcomes: NoticeOutcomes) => void;
  /** Told once, when the parties cannot hear the beep. */
  readonly onBeepFailed: (outcomes: NoticeOutcomes) => void;
}

export type NoticeOutcomes = Readonly<Partial<Record<Side, NoticeOutcome>>>;

/**
 * The recorder warning tone: half a second of 1,400 Hz, every 15 s (Federal Standard 1037C, "recorder warning tone";
 * ITU-T E.180 Supplement 2, United States). About as loud as people talk: 3,160 of 22,300, which is 0 dBm0 (ITU-T
 * G.711, table 5), makes -17 dBm0.
 */
const beepTone = new Sound(tone({ hertz: 1_400, durationMs: 500, peak: 3_160, rampMs: 10 }));

const listenersOf = (to: Side | 'both'): readonly Side[] => (to === 'both' ? sides : [to]);

export class Notices {
  readonly #options: NoticesOptions;
  #connected = false;
  #over = false;
  #suspended = false;
  /** `none` is to be played, or none is left to be. */
  #announcement: 'due' | 'playing' | 'none';
  #announced: NoticeOutcomes | undefined;
  #beeping: NodeJS.Timeout | undefined;
  #beep: Playing | undefined;
  #beeped: Partial<Record<Side, NoticeOutcome>> = {};
  #beepFailed = false;

  constructor(options: NoticesOptions) {
    this.#options = options;
    this.#announcement = options.decision.announcement === undefined ? 'none' : 'due';
  }

  /** The callee has answered, and the caller is about to be told: before they hear each other, if that is wanted. */
  answering(): void {
    if (this.#options.decision.announcement?.when === 'before') this.connected();
  }

  /** Both parties speak from now on. */
  connected(): void {
    this.#connected = true;
    this.changed();
  }

  /** The recording began, was paused, goes on, or ended. */
  changed(): void {
    if (!this.#connected || this.#over || this.#suspended) return;
    if (!this.#options.recording()) {
      this.#stopBeeping();
      return;
    }
    if (this.#announcement === 'due') this.#announce();
    else if (this.#announcement === 'none' && this.#beeping === undefined) this.#startBeeping(true);
  }

  /** There is no recording to tell of, for now. What plays is heard to its end. */
  suspend(): void {
    this.#suspended = true;
    this.#stopBeeping();
  }

  /** There is one again. */
  resume(): void {
    this.#suspended = false;
    this.changed();
  }

  /** The call is over. */
  end(): void {
    this.#over = true;
    this.#stopBeeping();
  }

  /** For the ledger; undefined when nothing was to be told so far. */
  get told(): string | undefined {
    const { announcement } = this.#options.decision;
    const parts = [
      ...(this.#announced === undefined || announcement === undefined ? [] : [`announcement ${announcement.name}: ${inWords(this.#announced)}`]),
      ...(Object.keys(this.#beeped).length === 0 ? [] : [`beep: ${inWords(this.#beeped)}`]),
    ];
    return parts.length === 0 ? undefined : parts.join('; ');
  }

  #announce(): void {
    const { announcements, decision: { announcement }, media } = this.#options;
    if (announcement === undefined) return;
    const { name, to, when } = announcement;
    const sound = announcements.get(name);
    if (sound === undefined) {
      this.#isAnnounced(name, Object.fromEntries(listenersOf(to).map((side) => [side, 'unknown'])));
      return;
    }
    this.#announcement = 'playing';
    const playing = media.play({ sound, to: listenersOf(to), over: 'replace', ...(when === 'before' ? { meanwhile: 'silence' } : {}) });
    void playing.ended.then((outcomes) => this.#isAnnounced(name, outcomes));
  }

  #isAnnounced(name: string, outcomes: NoticeOutcomes): void {
    this.#announcement = 'none';
    this.#announced = outcomes;
    this.#options.onAnnounced(name, outcomes);
    const heard = Object.values(outcomes).includes('played');
    if (!this.#over && !this.#suspended && this.#options.recording()) this.#startBeeping(!heard);
  }

  /** @param atOnce whether one is heard now: not right behind an announcement */
  #startBeeping(atOnce: boolean): void {
    const { beep } = this.#options.decision;
    if (beep === undefined) return;
    this.#beeping = setInterval(() => this.#playBeep(listenersOf(beep.to)), beep.everySeconds * 1_000);
    if (atOnce) this.#playBeep(listenersOf(beep.to));
  }

  #stopBeeping(): void {
    clearInterval(this.#beeping);
    this.#beeping = undefined;
    this.#beep?.stop();
    this.#beep = undefined;
  }

  #playBeep(to: readonly Side[]): void {
    this.#beep = this.#options.media.play({ sound: beepTone, to, over: 'mix' });
    void this.#beep.ended.then((outcomes) => this.#isBeeped(outcomes));
  }

  #isBeeped(outcomes: PlayEnd): void {
    for (const side of sides) {
      const outcome = outcomes[side];
      // One that was heard counts, whatever became of others.
      if (outcome !== undefined && this.#beeped[side] !== 'played') this.#beeped[side] = outcome;
    }
    const failed = Object.values(outcomes).some((outcome) => outcome !== 'played' && outcome !== 'cut');
    if (!failed || this.#beepFailed) return;
    this.#beepFailed = true;
    this.#options.onBeepFailed(outcomes);
  }
}

const reasons: Readonly<Record<Exclude<NoticeOutcome, 'played'>, string>> = {
  'cut': 'cut short',
  'encrypted': 'encrypted media',
  'codec': 'a codec that nothing can be played in',
  'no-audio': 'no audio',
  'anchor': 'the media anchor plays nothing',
  'failed': 'the codec could not be loaded',
  'unknown': 'the configuration has none of that name',
};

/** `caller and callee`, `caller, not callee (cut short)`, `not played (encrypted media)`. */
function inWords(outcomes: NoticeOutcomes): string {
  const heard = sides.filter((side) => outcomes[side] === 'played');
  const unheard = sides.flatMap((side) => {
    const outcome = outcomes[side];
    return outcome === undefined || outcome === 'played' ? [] : [{ side, reason: reasons[outcome] }];
  });
  if (heard.length === 0) return `not played (${[...new Set(unheard.map(({ reason }) => reason))].join(', ')})`;
  return [heard.join(' and '), ...unheard.map(({ side, reason }) => `not ${side} (${reason})`)].join(', ');
}
