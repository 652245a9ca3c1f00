/** What drachtio-srf tells and takes beyond its published types. */
import type Srf from 'drachtio-srf';

export type SipDialog = Srf.Dialog;
export type SipRequest = Srf.SrfRequest;
export type SipResponse = Srf.SrfResponse;
export type SipHeaders = Record<string, string>;

interface Emitting {
  on(event: string, listener: (...told: never[]) => void): void;
  once(event: string, listener: (...told: never[]) => void): void;
}

const events = (of: SipRequest | SipDialog): Emitting => of as unknown as Emitting;

type Taken = (request: SipRequest, response: SipResponse) => void;
export type Acknowledge = (options?: { body: string }) => void;

/** Responses to a request of ours; `acknowledge` sends the ACK or PRACK that one may need. */
export const onResponse = (request: SipRequest, listener: (response: SipResponse, acknowledge: Acknowledge) => void): void => events(request).on('response', listener);

/** An UPDATE with the Call-ID of an INVITE that is not answered, or of any other request of ours. */
export const onUpdate = (request: SipRequest, listener: Taken): void => events(request).on('update', listener);

interface Handling {
  readonly _queueRequests: boolean;
  handle(request: SipRequest, response: SipResponse): void;
  listenerCount(event: string): number;
  emit(event: string, ...told: unknown[]): boolean;
}

/** What drachtio-srf tells of a moment late. */
const deferred = new Set(['INFO', 'MESSAGE', 'OPTIONS', 'REFER', 'UPDATE']);

/**
 * drachtio-srf tells of most requests a moment late: after what came behind them, and not at all where that
 * was a BYE. A dialog that this has been done to tells its listeners in the order of arrival.
 */
export function tellInOrder(dialog: SipDialog): void {
  const handling = dialog as unknown as Handling;
  const handle = handling.handle.bind(dialog);
  handling.handle = (request, response) => {
    const event = request.method.toLowerCase();
    if (handling._queueRequests) handle(request, response);
    else if (deferred.has(request.method) && handling.listenerCount(event) > 0) handling.emit(event, request, response);
    else {
      if (request.method === 'ACK') handling.emit('acknowledged', request);
      handle(request, response);
    }
  };
}

const cancels = new WeakMap<SipRequest, Srf.SipMessage>();

/** A CANCEL may come before anybody listens for it, and drachtio-srf tells it once. From now on it is kept. */
export function keepCancels(srf: Srf): void {
  srf.use((request, _response, next) => {
    if (request.method === 'INVITE') request.on('cancel', (cancel) => cancels.set(request, cancel));
    (next as () => void)();
  });
}

/** The CANCEL of a peer's INVITE, which may have come already. */
export function onCancel(request: SipRequest, listener: (cancel: Srf.SipMessage) => void): void {
  const cancel = cancels.get(request);
  if (cancel === undefined) request.on('cancel', listener);
  else listener(cancel);
}

/** The ACK to a 2xx of ours that is sent next, in a dialog that tells in order. */
export const onceAck = (dialog: SipDialog, listener: (ack: SipRequest) => void): void => events(dialog).once('acknowledged', listener);

/** Cancels an INVITE of ours; one that is answered already stays so. */
export function cancelInvite(request: SipRequest, headers: SipHeaders = {}): void {
  (request as unknown as { cancel(options: object, done: () => void): void }).cancel({ headers }, () => undefined);
}

export const srfOf = (dialog: SipDialog): Srf => (dialog as unknown as { srf: Srf }).srf;

/**
 * Whether a 503 or 408 was made by our own edge, because nothing could be sent or nothing came (RFC 3261 §8.1.3.1): a
 * server's has a To tag (§8.2.6.2).
 */
export const isOfEdge = (response: SipResponse): boolean => (response.status === 503 || response.status === 408) && !/;\s*tag\s*=/iu.test(response.get('to'));
