/**
 * Addresses that command one call for a while, without the token of the API: for pages and systems that are not to
 * have more than that.
 *
 *   base64url(JSON [sessionId, commands, expiresAtMs]) . base64url(HMAC-SHA256 of the part before the dot)
 *
 * Owns       the key, made anew at each start: then all addresses are void.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Not `tag`: its words would stand in addresses, which get logged on their way. */
export const linkCommands = ['start', 'stop', 'pause', 'resume'] as const;
export type LinkCommand = (typeof linkCommands)[number];

export const longestLinkSeconds = 86_400;

export interface ControlLink {
  readonly sessionId: string;
  readonly commands: readonly LinkCommand[];
}

export class ControlLinks {
  readonly #key = randomBytes(32);
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  make({ sessionId, commands }: ControlLink, seconds: number): string {
    const said = Buffer.from(JSON.stringify([sessionId, commands, this.#now() + seconds * 1_000])).toString('base64url');
    return `${said}.${this.#mac(said).toString('base64url')}`;
  }

  /** Undefined for one that we did not make, or whose time is over. */
  read(token: string): ControlLink | undefined {
    const [said = '', mac = '', ...rest] = token.split('.');
    const [given, expected] = [Buffer.from(mac, 'base64url'), this.#mac(said)];
    if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    // Authentic, so it has the shape that `make` gave it.
    const [sessionId, commands, expiresAtMs] = JSON.parse(Buffer.from(said, 'base64url').toString()) as [string, LinkCommand[], number];
    return this.#now() < expiresAtMs ? { sessionId, commands } : undefined;
  }

  #mac(said: string): Buffer {
    return createHmac('sha256', this.#key).update(said).digest();
  }
}
