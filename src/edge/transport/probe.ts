/**
 * How long datagrams wait in a socket's buffer until they are looked at, which nothing tells a program: one
 * is sent to the socket itself now and then, and queues behind those of others.
 *
 * Nobody else can send one that counts: it carries random bytes, which are never used twice. Where the first
 * ones do not come back (a firewall on the loopback interface), nothing is ever said to wait.
 */
import { randomFillSync } from 'node:crypto';

const TOKEN_BYTES = 16;
/** After so long a probe is lost; that the buffer was full is the likeliest reason. */
const LOST_MS = 1_000;

export class Probe {
  readonly #token = Buffer.alloc(TOKEN_BYTES);
  #sentAt: number | undefined;
  #waitedMs = 0;
  /** One has come back already. */
  #works = false;

  /** `send` sends bytes to the socket itself. */
  constructor(
    private readonly send: (bytes: Buffer) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** How long the last probe has waited, in ms, or waits already; sends the next when that one is back. */
  measure(): number {
    const now = this.now();
    const waiting = this.#sentAt === undefined ? undefined : now - this.#sentAt;
    if (waiting === undefined || waiting > LOST_MS) {
      randomFillSync(this.#token);
      // Neither a letter, as of SIP, nor STUN's.
      this.#token[0] = 0xff;
      this.#sentAt = now;
      this.send(this.#token);
    }
    return this.#works ? (waiting ?? this.#waitedMs) : 0;
  }

  /** Whether a datagram was the probe. */
  took(datagram: Buffer): boolean {
    if (datagram.length !== TOKEN_BYTES || this.#sentAt === undefined || !datagram.equals(this.#token)) return false;
    this.#waitedMs = this.now() - this.#sentAt;
    this.#sentAt = undefined;
    this.#works = true;
    return true;
  }
}
