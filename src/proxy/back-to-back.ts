/**
 * A call as a transparent back-to-back pair of dialogs: the INVITE goes out again with what it said, and each
 * response comes back.
 *
 * Owns       the making of both dialogs.
 * Leaves to  its keeper the SDP and the end of the call; pass-through what happens once it is answered.
 */
import type { EventEmitter } from 'node:events';
import type { Side } from '../anchor/index.js';
import { headersToPass, type SipConnection, type SipDialog, type SipRequest, type SipResponse } from '../sip/index.js';

export interface BackToBackOptions {
  readonly sip: SipConnection;
  readonly request: SipRequest;
  readonly response: SipResponse;
  /** The Request-URI of the outgoing INVITE, and where it is sent. */
  readonly target: string;
  readonly nextHop: string;
  /** Headers of the outgoing INVITE in addition to those of the incoming one; From and To in their place, less their tags. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names, in lower case, of headers of the incoming INVITE that do not go on. */
  readonly strip: readonly string[];
  /** The SDP that the callee is offered; empty for a delayed offer. */
  readonly offer: string;
  /** Takes an SDP of one side and gives what the other side is to have; never rejects. */
  readonly exchange: (from: Side, sdp: string) => Promise<string>;
  /** The outgoing INVITE, once it is on its way: to be cancelled when the call is given up. */
  readonly onOutgoing: (request: SipRequest) => void;
  /** The callee has said something that the caller hears: from now on it is this callee or none. */
  readonly onHeard: () => void;
  /** The callee has answered; the caller is told from now on, and can't be told anything else. */
  readonly onAnswering: () => void;
}

/**
 * Rejects with drachtio-srf's SipError, which has the status, when the callee did not answer with 2xx, and with
 * another error when the INVITE could not be sent. The caller is then told nothing: another callee may be tried.
 */
export async function connectBackToBack(options: BackToBackOptions): Promise<Readonly<Record<Side, SipDialog>>> {
  const { request, response } = options;
  const { From = request.get('from'), To = request.get('to'), ...headers } = options.headers;
  const exchange = (from: Side, sdp: string): Promise<string> => {
    if (from === 'callee') options.onHeard();
    return options.exchange(from, sdp);
  };
  const forget = rememberListeners(request);
  const letSpeak = holdBack(response);
  const made = options.sip.srf.createB2BUA(
    request,
    response,
    options.target,
    {
      headers: { ...headersToPass(request, options.strip), From: withoutTag(From), To: withoutTag(To), ...headers },
      proxy: options.nextHop,
      passFailure: false,
      proxyResponseHeaders: ['all', '-record-route', '-rseq'],
      // In a delayed offer the callee offers, and the caller's answer comes with the ACK (RFC 3261 §13.2.1).
      localSdpB: options.offer === '' ? (answer) => exchange('caller', answer) : options.offer,
      localSdpA: (sdp) => exchange('callee', sdp),
    },
    {
      cbRequest: (_error: unknown, outgoing?: SipRequest) => {
        letSpeak();
        if (outgoing !== undefined) options.onOutgoing(outgoing);
      },
      cbProvisional: ({ status }: { readonly status: number }) => {
        if (status > 100) options.onHeard();
      },
      cbFinalizedUac: options.onAnswering,
    },
  );
  try {
    const { uas, uac } = await made;
    return { caller: uas, callee: uac };
  } catch (error) {
    forget();
    throw error;
  } finally {
    letSpeak();
  }
}

/** drachtio-srf leaves its listeners on the request when a callee fails, where they would speak for the next one. */
function rememberListeners(request: SipRequest): () => void {
  const emitter = request as unknown as EventEmitter;
  const events = ['cancel', 'update'].map((event) => ({ event, before: new Set(emitter.listeners(event)) }));
  return () => {
    for (const { event, before } of events) {
      for (const listener of emitter.listeners(event)) if (!before.has(listener)) emitter.removeListener(event, listener as () => void);
    }
  };
}

/** drachtio-srf answers 500 by itself when an INVITE can't be sent, before we know of it. Returns what lets it speak. */
function holdBack(response: SipResponse): () => void {
  response.send = () => undefined;
  return () => void Reflect.deleteProperty(response, 'send');
}

/** The tag belongs to the dialog, not to the party (RFC 3261 §19.3). */
const withoutTag = (header: string): string => header.replace(/;\s*tag=[^;,\s>]*/i, '');
