/** Whether a SIP neighbour is there: OPTIONS, and the status of its answer. */
import type { SipConnection } from './connection.js';
import type { SipRequest, SipResponse } from './drachtio-events.js';

/** Resolves with the status, or undefined when none came in time or the request could not be sent. */
export const askOptions = ({ srf }: Pick<SipConnection, 'srf'>, uri: string, timeoutMs: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    timer.unref();
    const settle = (status: number | undefined): void => {
      clearTimeout(timer);
      resolve(status);
    };
    const sent = (_error: unknown, request?: SipRequest): void => {
      if (request === undefined) {
        settle(undefined);
        return;
      }
      request.on('response', (response?: SipResponse) => {
        if (response !== undefined && response.status >= 200) settle(response.status);
      });
    };
    // The published types of drachtio-srf know another form of it.
    (srf as unknown as { request(uri: string, options: object, done: typeof sent): void }).request(uri, { method: 'OPTIONS' }, sent);
  });
