/**
 * Several rtpengines: which of them take new calls.
 *
 * Owns       a client for each, its health by pings and by what calls find, and how many calls it has.
 * Leaves to  the call what it asks; a call stays with the rtpengine that it began at.
 *
 * Invariant 1: one that is down is tried last, never left out: a ping may be wrong, and there may be no other.
 */
import { Failure, messageOf } from '../../errors/index.js';
import type { NgClient } from './ng-client.js';
import type { NgAnswer, NgCommand } from './ng-protocol.js';

export interface NgNode {
  /** `host:port`, for people. */
  readonly name: string;
  readonly weight: number;
  readonly client: Pick<NgClient, 'ask' | 'close'>;
}

export interface NgPoolOptions {
  readonly nodes: readonly NgNode[];
  readonly pingMs: number;
  readonly onChange: (name: string, up: boolean, reason: string) => void;
}

interface Place {
  readonly node: NgNode;
  calls: number;
  up: boolean;
}

/** The rtpengine of one call. */
export interface NgSeat {
  readonly name: string;
  ask(command: NgCommand): Promise<NgAnswer>;
  /** The call has ended. Idempotent. */
  leave(): void;
}

export class NgPool {
  readonly #places: readonly Place[];
  readonly #pings: NodeJS.Timeout;

  constructor(private readonly options: NgPoolOptions) {
    this.#places = options.nodes.map((node) => ({ node, calls: 0, up: true }));
    this.#pings = setInterval(() => this.#ping(), options.pingMs);
    this.#pings.unref();
  }

  get up(): number {
    return this.#places.filter(({ up }) => up).length;
  }

  /**
   * A seat at the first rtpengine that takes the call's first command, with its answer.
   *
   * @throws what the last one that was asked said, when none takes it.
   */
  async seat(command: NgCommand): Promise<{ readonly seat: NgSeat; readonly answer: NgAnswer }> {
    let failure: unknown;
    for (const place of this.#inTurn()) {
      place.calls += 1;
      try {
        return { answer: await this.#ask(place, command), seat: this.#seatAt(place) };
      } catch (error) {
        place.calls -= 1;
        failure = error;
      }
    }
    throw failure;
  }

  close(): void {
    clearInterval(this.#pings);
    for (const { node } of this.#places) node.client.close();
  }

  /** Those that are up first, and of them the one with the fewest calls for its weight. */
  #inTurn(): readonly Place[] {
    return [...this.#places].sort((a, b) => Number(b.up) - Number(a.up) || a.calls / a.node.weight - b.calls / b.node.weight);
  }

  #seatAt(place: Place): NgSeat {
    let here = true;
    return {
      name: place.node.name,
      ask: (command) => this.#ask(place, command),
      leave: () => {
        if (here) place.calls -= 1;
        here = false;
      },
    };
  }

  async #ask(place: Place, command: NgCommand): Promise<NgAnswer> {
    try {
      const answer = await place.node.client.ask(command);
      this.#tell(place, true, 'it answers');
      return answer;
    } catch (error) {
      const silent = error instanceof Failure && error.code === 'ANCHOR_UNREACHABLE';
      this.#tell(place, !silent, messageOf(error));
      throw error;
    }
  }

  #ping(): void {
    for (const place of this.#places) this.#ask(place, { command: 'ping' }).catch(() => undefined);
  }

  #tell(place: Place, up: boolean, reason: string): void {
    if (place.up === up) return;
    place.up = up;
    this.options.onChange(place.node.name, up, reason);
  }
}
