/** What is known of a call when its INVITE is here: all that a decision may rest on. */
import type { Subscriber } from './number-pattern.js';

export interface CallFacts {
  readonly sessionId: string;
  /** The name of the trunk it came in by. */
  readonly trunk: string;
  readonly caller: Subscriber;
  readonly callee: Subscriber;
  /** Header values by lower-case name, in the order they came. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** When it came, in ms since 1970. */
  readonly atMs: number;
}

/** Seen from the site: from outside to a number of its own, or the other way. */
export type Direction = 'inbound' | 'outbound';
/** Between two numbers of the site, or not. */
export type Traffic = 'internal' | 'external';

export const subscriberText = ({ user, host }: Subscriber): string => (user === '' ? host : user);
