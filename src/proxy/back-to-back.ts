/**
 * A call as a transparent back-to-back pair of dialogs: the INVITE goes out again with what it said, and each
 * response comes back.
 *
 * Owns       the making of both dialogs.
 * Leaves to  its keeper the SDP and the end of the call; pass-through what happens once it is answered.
 */
import type { Side } from '../anchor/index.js';
import { headersToPass, type SipConnection, type SipDialog, type SipRequest, type SipResponse } from '../sip/index.js';

export interface BackToBackOptions {
  readonly sip: SipConnection;
  readonly request: SipRequest;
  readonly response: SipResponse;
  /** The Request-URI of the outgoing INVITE, and where it is sent. */
  readonly target: string;
  readonly nextHop: string;
  /** Headers of the outgoing INVITE in addition to those of the incoming one, or in their place. */
  readonly headers: Readonly<Record<string, string>>;
  /** Headers of the incoming INVITE that do not go on, in lower case. */
  readonly withheld: readonly string[];
  /** The SDP that the callee is offered; empty for a delayed offer. */
  readonly offer: string;
  /** Takes an SDP of one side and gives what the other side is to have; never rejects. */
  readonly exchange: (from: Side, sdp: string) => Promise<string>;
  /** The outgoing INVITE, once it is on its way: to be cancelled when the call is given up. */
  readonly onOutgoing: (request: SipRequest) => void;
  /** The callee has answered; the caller is told from now on, and can't be told anything else. */
  readonly onAnswering: () => void;
}

/** Rejects with drachtio-srf's SipError, which has the status, when the callee did not answer with 2xx. */
export async function connectBackToBack(options: BackToBackOptions): Promise<Readonly<Record<Side, SipDialog>>> {
  const { request, response, exchange } = options;
  const { uas, uac } = await options.sip.srf.createB2BUA(
    request,
    response,
    options.target,
    {
      headers: { ...headersToPass(request, options.withheld), From: withoutTag(request.get('from')), To: withoutTag(request.get('to')), ...options.headers },
      proxy: options.nextHop,
      proxyResponseHeaders: ['all', '-record-route', '-rseq'],
      // In a delayed offer the callee offers, and the caller's answer comes with the ACK (RFC 3261 §13.2.1).
      localSdpB: options.offer === '' ? (answer) => exchange('caller', answer) : options.offer,
      localSdpA: (sdp) => exchange('callee', sdp),
    },
    {
      cbRequest: (_error: unknown, outgoing?: SipRequest) => {
        if (outgoing !== undefined) options.onOutgoing(outgoing);
      },
      cbFinalizedUac: options.onAnswering,
    },
  );
  return { caller: uas, callee: uac };
}

/** The tag belongs to the dialog, not to the party (RFC 3261 §19.3). */
const withoutTag = (header: string): string => header.replace(/;\s*tag=[^;,\s>]*/i, '');
