/**
 * Asks next hops with OPTIONS whether they are there, again and again.
 *
 * Owns       when each is asked, and what counts as an answer.
 * Leaves to  hop-board what follows from it.
 */
import type { HopBoard } from './hop-board.js';
import type { NextHop } from './next-hops.js';
import type { HealthSettings } from './trunk-settings.js';

export interface HopChecksOptions {
  readonly board: Pick<HopBoard, 'all' | 'checked'>;
  readonly settings: Pick<HealthSettings, 'intervalMs' | 'timeoutMs'>;
  /** Resolves with the status of the answer, or undefined without one. */
  readonly ask: (uri: string, timeoutMs: number) => Promise<number | undefined>;
  readonly draw: () => number;
}

/** The first checks are spread over so long, so that a start does not ask everybody at once. */
const FIRST_WITHIN_MS = 1_000;

/** Any answer shows that somebody is there, but for those that say he can't serve (RFC 3261 §21.4.9, §21.5.4, §21.5.5). */
const notServing = new Set([408, 503, 504]);

/** Begins to ask; returns what ends it. */
export function openHopChecks({ board, settings, ask, draw }: HopChecksOptions): () => void {
  const timers = new Map<NextHop, NodeJS.Timeout>();
  let closed = false;
  const askIn = (hop: NextHop, ms: number): void => {
    if (closed) return;
    const timer = setTimeout(() => void askNow(hop), ms);
    timer.unref();
    timers.set(hop, timer);
  };
  const askNow = async (hop: NextHop): Promise<void> => {
    const status = await ask(hop.text, settings.timeoutMs).catch(() => undefined);
    if (closed) return;
    const alive = status !== undefined && !notServing.has(status);
    board.checked(hop, alive, status === undefined ? 'no answer to OPTIONS' : `it answered OPTIONS ${status}`);
    // A tenth more or less: next hops, and proxies that ask the same one, do not fall into step.
    askIn(hop, settings.intervalMs * (0.9 + 0.2 * draw()));
  };
  for (const { hop } of board.all) if (hop.health) askIn(hop, draw() * FIRST_WITHIN_MS);
  return () => {
    closed = true;
    for (const timer of timers.values()) clearTimeout(timer);
  };
}
