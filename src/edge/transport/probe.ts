/**
 * How long datagrams wait in a socket's buffer until they are looked at, which nothing tells a program: one
 * is sent to the socket itself now and then, and queues behind those of others.
 *
 * Nobody else can send one that counts: it carries random bytes, which are never used twice. Where the first
 * ones do not come back (a firewall on the loopback interface), nothing is ever said to wait.
 */
import { randomBytes } from 'node:crypto';

const TOKEN_BYTES = 16;
/** After so long a probe is lost, whatever comes after it. */
const LOST_MS = 1_000;
/** Of the newest. */
const MOST_OUT = 20;

interface Out {
  readonly token: Buffer;
  readonly sentAt: number;
}

export class Probe {
  /**
   * Oldest first. Several, for one may find the buffer full: datagrams to oneself keep their order, so one that is
   * back shows that those sent before it are lost, and what waits now.
   */
  #out: readonly Out[] = [];
  #waitedMs = 0;
  /** One has come back already. */
  #works = false;

  /** `send` sends bytes to the socket itself. */
  constructor(
    private readonly send: (bytes: Buffer) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** How long the last probe has waited, in ms, or waits already; sends the next. */
  measure(): number {
    const now = this.now();
    const waiting = this.#out.filter(({ sentAt }) => now - sentAt <= LOST_MS).slice(1 - MOST_OUT);
    const token = randomBytes(TOKEN_BYTES);
    // Neither a letter, as of SIP, nor STUN's.
    token[0] = 0xff;
    this.#out = [...waiting, { token, sentAt: now }];
    this.send(token);
    if (!this.#works) return 0;
    const oldest = waiting[0];
    return Math.max(this.#waitedMs, oldest === undefined ? 0 : now - oldest.sentAt);
  }

  /** Whether a datagram was a probe. */
  took(datagram: Buffer): boolean {
    if (datagram.length !== TOKEN_BYTES || datagram[0] !== 0xff) return false;
    const at = this.#out.findIndex(({ token }) => datagram.equals(token));
    const found = this.#out[at];
    if (found === undefined) return false;
    this.#waitedMs = this.now() - found.sentAt;
    this.#out = this.#out.slice(at + 1);
    this.#works = true;
    return true;
  }
}
