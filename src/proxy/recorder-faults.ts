/** What a recorder's refusal says of the recorder: pure. */
import { Failure } from '../errors/index.js';

/** It is full, or not well: another session would not fare better just now. A 4xx of another kind is about this session. */
const unwell = (status: number): boolean => (status >= 500 && status < 600) || status === 408 || status === 480 || status === 486 || status === 600;

const statusOf = (error: unknown): number | undefined => {
  const status = error instanceof Failure ? error.facts['status'] : undefined;
  return typeof status === 'number' ? status : undefined;
};

/** Whether it is left alone for a while, and may take the same session after that. A status of 0: the request could not be sent. */
export function sparesRecorder(error: unknown): boolean {
  if (error instanceof Failure && error.code === 'SIP_TIMEOUT') return true;
  const status = statusOf(error);
  return status !== undefined && (status === 0 || unwell(status));
}

/** For how long it asks to be left alone (RFC 3261 §20.33). */
export function retryAfterOf(error: unknown): { readonly retryAfterMs?: number } {
  const seconds = error instanceof Failure ? error.facts['retryAfterSeconds'] : undefined;
  return typeof seconds === 'number' && seconds > 0 ? { retryAfterMs: Math.min(seconds, 3_600) * 1_000 } : {};
}
