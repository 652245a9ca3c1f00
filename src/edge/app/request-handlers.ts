/**
 * The handlers that decide about new requests, by SIP method.
 *
 * Owns       the services asked over HTTP.
 * Leaves to  outbound the connections; the agent what becomes of a request.
 */
import { Failure } from '../../errors/index.js';
import type { RequestHandler } from '../edge-options.js';
import type { Clock } from '../timing.js';
import { parseApplicationAddress } from './instruction.js';
import type { Destination } from './outbound.js';
import { RoutingService } from './routing-service.js';

export type Handling =
  | { readonly kind: 'connect'; readonly to: Destination }
  | { readonly kind: 'ask'; readonly service: RoutingService; readonly verifyPeer: boolean };

function handlingOf(handler: RequestHandler, clock: Clock, patienceMs: number): Handling {
  const { url, verifyPeer = true } = handler;
  const direct = /^(tcp|tls):\/\/([^/?]+)\/?$/iu.exec(url);
  if (direct !== null) {
    const address = parseApplicationAddress(direct[2] ?? '');
    if (address !== undefined) return { kind: 'connect', to: { ...address, tls: direct[1]?.toLowerCase() === 'tls', verifyPeer } };
  } else if (/^https?:\/\//iu.test(url) && URL.canParse(url)) {
    return { kind: 'ask', service: new RoutingService(url, handler.httpMethod ?? 'GET', verifyPeer, clock, patienceMs), verifyPeer };
  }
  throw new Failure('CONFIG_INVALID', `a request handler needs a url of tcp, tls, http or https, such as tcp://127.0.0.1:9021; this is none: ${url}`);
}

export class RequestHandlers {
  readonly #byMethod = new Map<string, Handling>();

  /** Throws Failure CONFIG_INVALID for a url of no use. */
  constructor(handlers: readonly RequestHandler[], clock: Clock, patienceMs: number) {
    for (const handler of handlers) {
      const method = (handler.method ?? '*').toUpperCase();
      const handling = handlingOf(handler, clock, patienceMs);
      if (!this.#byMethod.has(method)) this.#byMethod.set(method, handling);
    }
  }

  of(method: string): Handling | undefined {
    return this.#byMethod.get(method) ?? this.#byMethod.get('*');
  }

  close(): void {
    for (const handling of this.#byMethod.values()) if (handling.kind === 'ask') handling.service.close();
  }
}
