/** Which of several failures a proxy forwards (RFC 3261 §16.7 step 6), as drachtio-server ranks them. */
import type { Header, SipResponse } from '../message/sip-message.js';

/** Failures that tell the caller how to try again. */
const helpful = new Set([401, 407, 415, 420, 484]);

/** Lower is better: 6xx, then what helps the caller, then 4xx, 5xx and 3xx. */
export function rankOf(status: number): number {
  if (status >= 600) return 0;
  if (helpful.has(status)) return 1;
  if (status >= 400 && status < 500) return 2;
  return status >= 500 ? 3 : 4;
}

const isChallenge = (status: number): boolean => status === 401 || status === 407;

export class BestResponse {
  #best: SipResponse | undefined;
  #challenges: { readonly from: SipResponse; readonly headers: readonly Header[] }[] | undefined;

  add(response: SipResponse): void {
    if (this.#best === undefined || rankOf(response.status) < rankOf(this.#best.status)) this.#best = response;
    if (!isChallenge(response.status)) return;
    const headers = response.headers.filter((each) => each.key === 'www-authenticate' || each.key === 'proxy-authenticate');
    (this.#challenges ??= []).push({ from: response, headers });
  }

  /** The best of all, with the challenges of the others when it is one itself (step 7). A 503 stays a 503, on which trunks fail over. */
  get(): SipResponse | undefined {
    const best = this.#best;
    if (best === undefined || this.#challenges === undefined || !isChallenge(best.status)) return best;
    const others = this.#challenges.flatMap(({ from, headers }) => (from === best ? [] : headers));
    return others.length === 0 ? best : { ...best, headers: [...best.headers, ...others] };
  }
}
