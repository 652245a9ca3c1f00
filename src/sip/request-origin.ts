/** Where a request came from, as its edge tells. */
import { edgeExtensions } from '../edge/index.js';
import type { SipRequest } from './drachtio-events.js';

export interface RequestOrigin {
  readonly address: string;
  /** `udp`, `tcp` or `tls`, or what else a drachtio-server knows. */
  readonly transport: string;
  /** The port it arrived on; undefined when the edge did not tell. */
  readonly localPort: number | undefined;
  /** The names of the sender's certificate, in lower case. Empty unless the connection was asked to tell them. */
  readonly tlsIdentities: readonly string[];
}

/** @param tellsIdentity whether the edge was asked to tell it; what a header says of it is worth nothing otherwise. */
export function originOf(request: SipRequest, tellsIdentity: boolean): RequestOrigin {
  const { receivedOn } = request as { receivedOn?: string };
  const port = Number(receivedOn?.slice(receivedOn.lastIndexOf(':') + 1));
  const named = tellsIdentity && request.has(edgeExtensions.tlsIdentity) ? request.get(edgeExtensions.tlsIdentity) : '';
  return {
    address: request.source_address,
    transport: request.protocol.toLowerCase(),
    localPort: Number.isInteger(port) && port > 0 ? port : undefined,
    tlsIdentities: named === '' ? [] : named.split(',').map((name) => name.trim().toLowerCase()),
  };
}
