/** Whether a SIP neighbour is there: OPTIONS, and what it answers. */
import type { SipConnection } from './connection.js';
import { isOfEdge, type SipRequest, type SipResponse } from './drachtio-events.js';

/** The final one. */
export interface OptionsAnswer {
  readonly status: number;
  /** Undefined where there is none of that name. */
  header(name: string): string | undefined;
}

/** Resolves with the answer, or undefined when none came in time or the request could not be sent. */
export const askOptions = ({ srf }: Pick<SipConnection, 'srf'>, uri: string, timeoutMs: number): Promise<OptionsAnswer | undefined> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    timer.unref();
    const settle = (answer: OptionsAnswer | undefined): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    const sent = (_error: unknown, request?: SipRequest): void => {
      if (request === undefined) {
        settle(undefined);
        return;
      }
      request.on('response', (response?: SipResponse) => {
        if (response !== undefined && response.status >= 200) settle(isOfEdge(response) ? undefined : { status: response.status, header: (name) => (response.has(name) ? response.get(name) : undefined) });
      });
    };
    // The published types of drachtio-srf know another form of it.
    (srf as unknown as { request(uri: string, options: object, done: typeof sent): void }).request(uri, { method: 'OPTIONS' }, sent);
  });
