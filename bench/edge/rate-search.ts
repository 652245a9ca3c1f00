/** Which rate to try next: a ladder up to the first that fails, then halving. Pure. */

export interface Tried {
  readonly rate: number;
  readonly held: boolean;
}

export interface SearchPlan {
  readonly startRate: number;
  /** How much higher the ladder's next step is. */
  readonly factor: number;
  /** Ends when the lowest that fails is at most this share above the highest that holds. */
  readonly fineness: number;
  /** Beyond this nothing is tried. */
  readonly ceiling: number;
}

const roundedRate = (rate: number): number => Math.max(1, rate < 100 ? Math.round(rate) : Math.round(rate / 10) * 10);

/** The highest that held; 0 when none did. */
export const highestHeld = (tried: readonly Tried[]): number => Math.max(0, ...tried.map(({ rate, held }) => (held ? rate : 0)));

/** The lowest that failed above it: what failed below is taken for noise, since more was carried. */
const lowestFailed = (tried: readonly Tried[]): number => {
  const highest = highestHeld(tried);
  return Math.min(...tried.map(({ rate, held }) => (!held && rate > highest ? rate : Infinity)));
};

/** Undefined when the search is over. */
export function nextRate(tried: readonly Tried[], { startRate, factor, fineness, ceiling }: SearchPlan): number | undefined {
  if (tried.length === 0) return startRate;
  const held = highestHeld(tried);
  const failed = lowestFailed(tried);
  if (failed === Infinity) return held >= ceiling ? undefined : Math.min(ceiling, roundedRate(held * factor));
  if (held === 0) return failed <= 10 ? undefined : roundedRate(failed / 2);
  if (failed <= held * (1 + fineness)) return undefined;
  const middle = roundedRate((held + failed) / 2);
  return middle > held && middle < failed ? middle : undefined;
}
