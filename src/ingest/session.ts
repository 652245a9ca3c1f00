/**
 * One call of the parties: all of its legs, which share an ID or a path of media.
 */
import type { AddressId } from './endpoints.js';
import type { Leg } from './leg.js';

/** A transfer that was asked for: who was sent where. */
export interface Refer {
  readonly atMs: number;
  /** Address of the one that was asked to call. */
  readonly by: AddressId;
  /** The user part of the URI that it was sent to. */
  readonly user: string;
  followed: boolean;
}

export type CallLeg = Leg<Session>;

export class Session {
  readonly legs: CallLeg[] = [];
  readonly refers: Refer[] = [];
  /** All by which it is found: those of sessions that turned out to be this one, too. */
  readonly ids: string[];

  /** @param shared whether several legs could have the ID */
  constructor(
    readonly id: string,
    readonly shared: boolean,
  ) {
    this.ids = [id];
  }

  get startedAtMs(): number {
    return Math.min(...this.legs.map(({ startedAtMs }) => startedAtMs));
  }

  /** When the last of its legs ended; undefined while one goes on. */
  get endedAtMs(): number | undefined {
    let last = 0;
    for (const { endedAtMs } of this.legs) {
      if (endedAtMs === undefined) return undefined;
      last = Math.max(last, endedAtMs);
    }
    return last;
  }
}
