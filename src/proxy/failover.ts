/** From one hop to another, a next hop or a recorder: which failures another may mend, and for how long it is tried. Pure. */

export interface Search<Hop> {
  readonly hops: readonly Hop[];
  /** No further hop is begun after so long. */
  readonly withinMs: number;
  readonly now: () => number;
  /** Whether it is over: the caller has heard something, or gave up. */
  readonly over: () => boolean;
  /** A hop failed, and another is tried. */
  readonly onFailed: (hop: Hop, error: unknown) => void;
}

const statusOf = (error: unknown): unknown => (error as { status?: unknown } | null)?.status;

/**
 * A hop that is not there or can't serve: 503, 408, which also stands for silence (RFC 3261 §8.1.3.1), and a
 * request that could not be sent, which has no status. Any other answer is the callee's, and the caller's to hear.
 */
export const mayMend = (error: unknown): boolean => {
  const status = statusOf(error);
  return status === undefined || status === 503 || status === 408;
};

/** @throws what the last hop that was tried failed with. */
export async function tryInTurn<Hop, Result>(search: Search<Hop>, attempt: (hop: Hop) => Promise<Result>): Promise<Result> {
  const beganAt = search.now();
  const left = [...search.hops];
  for (;;) {
    const hop = left.shift();
    if (hop === undefined) throw new TypeError('a search needs a next hop');
    try {
      return await attempt(hop);
    } catch (error) {
      if (left.length === 0 || !mayMend(error) || search.over() || search.now() - beganAt >= search.withinMs) throw error;
      search.onFailed(hop, error);
    }
  }
}
