import type { FailureCode } from './catalogue.js';

/** Facts about a failure that are safe to log: never keys, audio, digits or crypto lines. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * A failure that is to be expected: a full disk, a wrong setting, a recorder that refuses.
 * `message` is written for a person and says what happened, where, and what to do.
 */
export class Failure extends Error {
  override readonly name = 'Failure';

  constructor(
    readonly code: FailureCode,
    message: string,
    options: { cause?: unknown; facts?: Facts } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.facts = options.facts ?? {};
  }

  readonly facts: Facts;
}

/** The message of anything thrown, for a log line or a person. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
