/**
 * What happens inside an answered call: each request of one side goes to the other, and its answer back.
 *
 * Owns       the crossing of in-dialog requests, and of the SDP in them through the anchor.
 * Leaves to  drachtio-srf both dialogs; TrunkCall the beginning and the end.
 */
import { otherSide, type AnchoredCall, type Side } from '../anchor/index.js';
import { messageOf } from '../errors/index.js';
import { headersToPass, requestInDialog, type SipDialog, type SipRequest, type SipResponse } from '../sip/index.js';

export interface PassThroughOptions {
  readonly dialogs: Readonly<Record<Side, SipDialog>>;
  readonly media: AnchoredCall;
  readonly onMediaChanged: () => void;
  /** Headers that do not go on, in lower case. */
  readonly withheld: readonly string[];
  /** Looks at each request before it goes on; true: it has been answered and does not. */
  readonly onRequest: (side: Side, request: SipRequest, response: SipResponse) => boolean;
  /** A request of `side` could not be passed on and was answered with 5xx. */
  readonly onTrouble: (side: Side, method: string, reason: string) => void;
}

/** Requests that carry no offer of the media we anchor. */
const plainMethods = ['info', 'message', 'notify', 'options', 'refer'] as const;

export function passThrough(options: PassThroughOptions): void {
  for (const side of ['caller', 'callee'] as const) {
    const dialog = options.dialogs[side];
    const cross = (pass: (side: Side, request: SipRequest, response: SipResponse) => Promise<void>) => (request: SipRequest, response: SipResponse) => {
      if (options.onRequest(side, request, response)) return;
      pass(side, request, response).catch((error: unknown) => {
        options.onTrouble(side, request.method, messageOf(error));
        if (!response.finalResponseSent) response.send(500);
      });
    };
    const passed = cross((from, request, response) => passRequest(options, from, request, response));
    for (const method of plainMethods) dialog.on(method as 'info', passed);
    dialog.on('update', cross((from, request, response) => passOffer(options, 'UPDATE', from, request, response)));
    dialog.on('modify', cross((from, request, response) => passOffer(options, 'INVITE', from, request, response)));
  }
}

async function passRequest(options: PassThroughOptions, from: Side, request: SipRequest, response: SipResponse): Promise<void> {
  const answer = await requestInDialog(options.dialogs[otherSide(from)], {
    method: request.method,
    headers: withContentType(request, options.withheld),
    body: request.body,
  });
  response.send(answer.status, answer.reason, { headers: withContentType(answer.message), body: answer.body });
}

/** A re-INVITE or UPDATE: the offer, or the lack of one, goes to the other side, the answer comes back. */
async function passOffer(options: PassThroughOptions, method: 'INVITE' | 'UPDATE', from: Side, request: SipRequest, response: SipResponse): Promise<void> {
  const { dialogs, media } = options;
  const to = otherSide(from);
  const offer = request.body === '' ? '' : await media.exchange(from, request.body);
  const answer = await requestInDialog(dialogs[to], { method, headers: headersToPass(request, options.withheld), body: offer });
  if (answer.status >= 300 || answer.body === '') {
    response.send(answer.status, answer.reason, { headers: headersToPass(answer.message) });
    return;
  }
  const body = await media.exchange(to, answer.body);
  if (offer === '' && method === 'INVITE') {
    // Delayed offer (RFC 3261 §14.1): what came back is the offer, the answer is in the ACK of the side that asked.
    dialogs[from].once('ack', (ack) => {
      media
        .exchange(from, ack.body)
        .then((sdp) => {
          answer.acknowledge?.(sdp);
          options.onMediaChanged();
        })
        .catch((error: unknown) => options.onTrouble(from, 'ACK', messageOf(error)));
    });
  }
  response.send(answer.status, answer.reason, { headers: headersToPass(answer.message), body });
  if (offer !== '') options.onMediaChanged();
}

function withContentType(message: SipRequest | SipResponse, except: readonly string[] = []): Record<string, string> {
  const headers = headersToPass(message, except);
  if (message.body !== '' && message.has('content-type')) headers['Content-Type'] = message.get('content-type');
  return headers;
}
