/**
 * What goes wrong, as a client of the API sees it: `{ code, message }` and a status.
 *
 * A Failure is told as it is, since its message is written for a person. Of a bug nothing is told.
 */
import { Failure, type FailureCode } from '../errors/index.js';

export interface HttpProblem {
  readonly status: number;
  readonly body: { readonly code: string; readonly message: string };
}

export const badRequest = (message: string): HttpProblem => ({ status: 400, body: { code: 'BAD_REQUEST', message } });
export const unauthorized: HttpProblem = {
  status: 401,
  body: { code: 'UNAUTHORIZED', message: 'this needs the header "Authorization: Bearer TOKEN" with the token of this twintrack' },
};
export const notFound: HttpProblem = { status: 404, body: { code: 'NOT_FOUND', message: 'there is nothing at this address' } };

const statuses: Partial<Record<FailureCode, number>> = { RECORDING_UNKNOWN: 404, KEYS_UNUSABLE: 409, LEDGER_UNAVAILABLE: 503 };

export const problemOf = (thrown: unknown): HttpProblem => {
  if (thrown instanceof Failure) return { status: statuses[thrown.code] ?? 500, body: { code: thrown.code, message: thrown.message } };
  // Fastify's own refusals: too large, not JSON, and the like.
  const status = thrown instanceof Error && 'statusCode' in thrown ? thrown.statusCode : undefined;
  if (thrown instanceof Error && typeof status === 'number' && status >= 400 && status < 500) {
    return { status, body: { code: 'BAD_REQUEST', message: thrown.message } };
  }
  return { status: 500, body: { code: 'INTERNAL', message: 'something went wrong inside; the log has it' } };
};
