/**
 * Several media servers of one kind: which of them take new calls.
 *
 * Owns       a client for each, its health by pings and by what calls find, and how many calls it has.
 * Leaves to  the call what it asks; a call stays with the server that it began at.
 *
 * Invariant 1: one that is down is tried last, never left out: a ping may be wrong, and there may be no other.
 */
import { Failure, messageOf } from '../errors/index.js';

export interface ServerClient {
  /** @throws Failure ANCHOR_UNREACHABLE when it does not answer. */
  ping(): Promise<unknown>;
  close(): void;
}

export interface ServerNode<Client> {
  /** `host:port`, for people. */
  readonly name: string;
  readonly weight: number;
  readonly client: Client;
}

export interface ServerPoolOptions<Client> {
  readonly nodes: readonly ServerNode<Client>[];
  readonly pingMs: number;
  readonly onChange: (name: string, up: boolean, reason: string) => void;
}

interface Place<Client> {
  readonly node: ServerNode<Client>;
  calls: number;
  up: boolean;
}

/** The server of one call. */
export interface Seat<Client> {
  readonly name: string;
  ask<Answer>(what: (client: Client) => Promise<Answer>): Promise<Answer>;
  /** The call has ended. Idempotent. */
  leave(): void;
}

export class ServerPool<Client extends ServerClient> {
  readonly #places: readonly Place<Client>[];
  readonly #pings: NodeJS.Timeout;

  constructor(private readonly options: ServerPoolOptions<Client>) {
    this.#places = options.nodes.map((node) => ({ node, calls: 0, up: true }));
    this.#pings = setInterval(() => this.#ping(), options.pingMs);
    this.#pings.unref();
  }

  get up(): number {
    return this.#places.filter(({ up }) => up).length;
  }

  /**
   * A seat at the first server that takes what a call begins with, and its answer.
   *
   * @throws what the last one that was asked said, when none takes it; SDP_UNUSABLE at once, which all would say.
   */
  async seat<Answer>(begin: (client: Client) => Promise<Answer>): Promise<{ readonly seat: Seat<Client>; readonly answer: Answer }> {
    let failure: unknown;
    for (const place of this.#inTurn()) {
      place.calls += 1;
      try {
        return { answer: await this.#ask(place, begin), seat: this.#seatAt(place) };
      } catch (error) {
        place.calls -= 1;
        failure = error;
        if (error instanceof Failure && error.code === 'SDP_UNUSABLE') break;
      }
    }
    throw failure;
  }

  close(): void {
    clearInterval(this.#pings);
    for (const { node } of this.#places) node.client.close();
  }

  /** Those that are up first, and of them the one with the fewest calls for its weight. */
  #inTurn(): readonly Place<Client>[] {
    return [...this.#places].sort((a, b) => Number(b.up) - Number(a.up) || a.calls / a.node.weight - b.calls / b.node.weight);
  }

  #seatAt(place: Place<Client>): Seat<Client> {
    let here = true;
    return {
      name: place.node.name,
      ask: (what) => this.#ask(place, what),
      leave: () => {
        if (here) place.calls -= 1;
        here = false;
      },
    };
  }

  async #ask<Answer>(place: Place<Client>, what: (client: Client) => Promise<Answer>): Promise<Answer> {
    try {
      const answer = await what(place.node.client);
      this.#tell(place, true, 'it answers');
      return answer;
    } catch (error) {
      const silent = error instanceof Failure && error.code === 'ANCHOR_UNREACHABLE';
      this.#tell(place, !silent, messageOf(error));
      throw error;
    }
  }

  #ping(): void {
    for (const place of this.#places) this.#ask(place, (client) => client.ping()).catch(() => undefined);
  }

  #tell(place: Place<Client>, up: boolean, reason: string): void {
    if (place.up === up) return;
    place.up = up;
    this.options.onChange(place.node.name, up, reason);
  }
}
