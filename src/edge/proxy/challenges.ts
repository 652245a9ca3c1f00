/**
 * Challenges that were forwarded to callers: a request that comes back with an answer to one belongs to
 * the target that asked (drachtio-server keeps them for two seconds).
 *
 * Invariant 1: at most `MAX_CHALLENGES` are remembered.
 */
import { headersOf, type RequestText, type ResponseText } from '../message/sip-message.js';
import type { Clock } from '../timing.js';

const FRESH_MS = 2_000;
const MAX_CHALLENGES = 10_000;

/** A target as the search for one knows it. */
export interface Target {
  readonly uri: string;
  /** A redirect names the new Request-URI, too (RFC 3261 §16.5). */
  readonly redirected: boolean;
}

const quoted = (name: string): RegExp => new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*"([^"]*)"`, 'iu');
const [nonceOf, realmOf] = [quoted('nonce'), quoted('realm')];

/** What names a challenge in the header that makes it and in the one that answers it. */
function keysIn(message: RequestText | ResponseText, ...names: readonly string[]): string[] {
  return names.flatMap((name) => headersOf(message, name)).flatMap((value) => {
    const [nonce, realm] = [nonceOf.exec(value)?.[1], realmOf.exec(value)?.[1]];
    return nonce === undefined || realm === undefined ? [] : [`${realm}\n${nonce}`];
  });
}

export class Challenges {
  /** In the order in which they grow stale. */
  readonly #open = new Map<string, { readonly target: Target; readonly staleAt: number }>();

  constructor(private readonly clock: Clock) {}

  remember(response: ResponseText, target: Target): void {
    const staleAt = this.clock.now() + FRESH_MS;
    for (const key of keysIn(response, 'www-authenticate', 'proxy-authenticate')) {
      this.#open.delete(key);
      this.#open.set(key, { target, staleAt });
    }
    for (const [key, each] of this.#open) {
      if (this.#open.size <= MAX_CHALLENGES && each.staleAt > this.clock.now()) return;
      this.#open.delete(key);
    }
  }

  /** Who asked for the credentials that a request brings; asked once. */
  answeredBy(request: RequestText): Target | undefined {
    for (const key of keysIn(request, 'authorization', 'proxy-authorization')) {
      const found = this.#open.get(key);
      this.#open.delete(key);
      if (found !== undefined && found.staleAt > this.clock.now()) return found.target;
    }
    return undefined;
  }
}
