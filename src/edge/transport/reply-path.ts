/**
 * The way of responses back to a peer on a connection (RFC 3261 §18.2.2, RFC 3263 §5): the connection that
 * the request came by; when that is gone, one to the address it came from at the port of its Via; when
 * that can't be had, wherever the name in the Via leads.
 */
import { isIP } from 'node:net';
import type { Hop } from './server-location.js';
import { defaultPort, type Path, type Place, type Protocol, type SendFailure } from './path.js';

/** Where the Via of a request says that its sender listens. */
export interface SentBy {
  readonly host: string;
  readonly port: number | undefined;
}

export interface ReplyWays {
  /** A connection to that place that is open, or a new one to the peer of that name. */
  readonly connect: (place: Pick<Hop, 'protocol' | 'address' | 'port' | 'name'>) => Path | undefined;
  /** The places that a name stands for. */
  readonly locate: (sentBy: SentBy, protocol: Protocol, done: (hops: readonly Hop[]) => void) => void;
}

/** Places tried for one response beyond the connection it belongs to. */
const MAX_PLACES = 3;

/** One is kept for as long as its transaction lingers. */
export class ReplyPath implements Path {
  #current: Path;

  constructor(
    private readonly came: Path,
    private readonly sentBy: SentBy,
    private readonly ways: ReplyWays,
  ) {
    this.#current = came;
  }

  get protocol(): Protocol {
    return this.came.protocol;
  }

  get address(): string {
    return this.came.address;
  }

  get port(): number {
    return this.came.port;
  }

  get local(): Place {
    return this.came.local;
  }

  get open(): boolean {
    return this.#current.open;
  }

  get identity(): readonly string[] | undefined {
    return this.#current.identity;
  }

  send(text: string, failed: SendFailure): void {
    const current = this.#current;
    if (!current.open) this.#anew(text, failed, 'closed');
    else current.send(text, current === this.came ? (cause) => this.#anew(text, failed, cause) : failed);
  }

  #anew(text: string, failed: SendFailure, cause: string): void {
    const { address, protocol } = this.came;
    const again = this.ways.connect({ protocol, address, port: this.sentBy.port ?? defaultPort(protocol), name: this.sentBy.host });
    if (again === undefined) {
      this.#byName(text, failed, cause);
      return;
    }
    this.#current = again;
    again.send(text, (why) => this.#byName(text, failed, why));
  }

  #byName(text: string, failed: SendFailure, cause: string): void {
    // An address that is not the one it came from is one behind a NAT, and leads nowhere.
    if (isIP(this.sentBy.host) !== 0) failed(cause);
    else this.ways.locate(this.sentBy, this.came.protocol, (hops) => this.#sendTo(hops.slice(0, MAX_PLACES), text, failed, cause));
  }

  #sendTo(hops: readonly Hop[], text: string, failed: SendFailure, cause: string): void {
    const [hop, ...rest] = hops;
    if (hop === undefined) {
      failed(cause);
      return;
    }
    const path = this.ways.connect(hop);
    if (path === undefined) this.#sendTo(rest, text, failed, cause);
    else {
      this.#current = path;
      path.send(text, (why) => this.#sendTo(rest, text, failed, why));
    }
  }
}
