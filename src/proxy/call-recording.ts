/**
 * The recording of one call, in the way that its rule says: one copy, which another recorder takes over when its own is
 * gone (`single`, `primary-backup`); two of both sides (`dual`); or one of each side (`split`).
 *
 * Owns       which copies there are, and when all of them together are lost.
 * Leaves to  recording-client.ts each copy.
 */
import { sides, type AnchoredCall, type Side } from '../anchor/index.js';
import type { Clock } from '../recorder-pool/index.js';
import type { RecordingControl, SipConnection } from '../sip/index.js';
import { RecordingBodies, type RecordedSession } from './recording-body.js';
import { RecordingClient, type RecordingClientOptions, type TakenOver } from './recording-client.js';
import type { RecordingTerms } from './recording-terms.js';

export interface CallRecordingOptions {
  readonly sip: SipConnection;
  readonly settings: RecordingClientOptions['settings'];
  readonly terms: Pick<RecordingTerms, 'members' | 'redundancy'>;
  readonly pool: RecordingClientOptions['pool'];
  readonly media: AnchoredCall;
  readonly session: RecordedSession;
  readonly wishes: () => RecordingControl | undefined;
  readonly clock: Clock;
  readonly onRecorderFailed: (reason: string) => void;
  readonly onTakenOver: (taken: TakenOver) => void;
  /** Of a second copy, while the first runs. */
  readonly onCopyLost: (reason: string) => void;
  /** There will be no recording, or not all of it, unless onResumed follows; it has no recorder for so long already. */
  readonly onLost: (reason: string, forMs: number) => void;
  readonly onResumed: () => void;
}

/** Of each copy, the sides that are in it; the first is the call's own fork. */
const copiesIn: Readonly<Record<RecordingTerms['redundancy'], readonly (readonly Side[])[]>> = {
  'single': [sides],
  'primary-backup': [sides],
  'dual': [sides, sides],
  'split': [['caller'], ['callee']],
};

export class CallRecording {
  readonly #options: CallRecordingOptions;
  readonly #copies: readonly RecordingClient[];
  /** Why, of each copy that is lost. */
  readonly #lost = new Map<RecordingClient, string>();
  #isLost = false;

  constructor(options: CallRecordingOptions) {
    this.#options = options;
    const { terms: { members, redundancy }, media, session } = options;
    const bodies = new RecordingBodies(session);
    const copies: RecordingClient[] = [];
    for (const of of copiesIn[redundancy]) {
      const copy: RecordingClient = new RecordingClient({
        sip: options.sip,
        settings: options.settings,
        members, of, bodies,
        pool: options.pool,
        // Two copies at one recorder would die together; of the two sides they are better than one alone.
        ...(copiesIn[redundancy].length === 1 ? {} : { elsewhere: { uris: () => copies.flatMap((other) => (other === copy ? [] : (other.recorder ?? []))), asked: redundancy === 'split' ? 'last' : 'never' } }),
        media: redundancy !== 'split' && copies.length === 0 ? media : media.openFork(of),
        sessionId: session.sessionId,
        sipSessionId: session.sipSessionId,
        wishes: options.wishes,
        clock: options.clock,
        onRecorderFailed: options.onRecorderFailed,
        onTakenOver: options.onTakenOver,
        onLost: (reason, forMs) => this.#copyLost(copy, reason, forMs),
        onResumed: () => this.#copyResumed(copy),
      });
      copies.push(copy);
    }
    // The call's own fork has both sides in it, which go to no one.
    if (redundancy === 'split') void media.stopFork();
    this.#copies = copies;
  }

  /** True once there was something to record: a recorder was looked for. */
  get asked(): boolean {
    return this.#copies.some((copy) => copy.asked);
  }

  /** True once a recorder has accepted: then a capture exists. */
  get accepted(): boolean {
    return this.#copies.some((copy) => copy.accepted);
  }

  /** See RecordingClient. A further copy begins when it is known which recorder the one before asks. */
  async changed(): Promise<void> {
    const changes: Promise<void>[] = [];
    for (const [at, copy] of this.#copies.entries()) {
      const before = this.#copies[at - 1];
      if (before !== undefined && !copy.asked) await Promise.race([before.begun, changes.at(-1)]);
      changes.push(copy.changed());
    }
    await Promise.all(changes);
  }

  /** See RecordingClient. */
  async end(): Promise<void> {
    await Promise.all(this.#copies.map((copy) => copy.end()));
  }

  #copyLost(copy: RecordingClient, reason: string, forMs: number): void {
    this.#lost.set(copy, reason);
    if (!this.#misses()) this.#options.onCopyLost(reason);
    else if (!this.#isLost) {
      this.#isLost = true;
      this.#options.onLost([...new Set(this.#lost.values())].join('; '), forMs);
    }
  }

  #copyResumed(copy: RecordingClient): void {
    this.#lost.delete(copy);
    if (!this.#isLost || this.#misses()) return;
    this.#isLost = false;
    this.#options.onResumed();
  }

  /** Whether there is audio that nobody records. */
  #misses(): boolean {
    return this.#options.terms.redundancy === 'split' ? this.#lost.size > 0 : this.#lost.size === this.#copies.length;
  }
}
