/** Which of several failures a proxy forwards (RFC 3261 §16.7 step 6). Pure. */

/** Failures that tell the caller how to try again. */
const helpful = new Set([401, 407, 415, 420, 484]);

/** Lower is better: 6xx, then what helps the caller, then 4xx, 5xx and 3xx. */
export function rankOf(status: number): number {
  if (status >= 600) return 0;
  if (helpful.has(status)) return 1;
  if (status >= 400 && status < 500) return 2;
  return status >= 500 ? 3 : 4;
}

export const isBetter = (status: number, than: number | undefined): boolean => than === undefined || rankOf(status) < rankOf(than);
