/**
 * Requests inside a dialog and the headers that travel from one dialog to another.
 *
 * Leaves to  drachtio-srf the dialogs themselves; invitation.ts how they begin.
 */
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type Srf from 'drachtio-srf';
import { Failure, messageOf } from '../errors/index.js';
import { onResponse, onUpdate, type SipDialog, type SipHeaders, type SipRequest, type SipResponse } from './drachtio-events.js';

/** What every hop or dialog makes for itself (RFC 3261 §16.6, §20): the rest belongs to the parties. */
const ownHeaders = new Set([
  'via', 'from', 'to', 'call-id', 'cseq', 'contact', 'max-forwards', 'route', 'record-route',
  'content-length', 'content-type', 'proxy-connection', 'rack', 'rseq',
]);


type Message = Srf.SipMessage & { headers?: SipHeaders };

/** The headers of a message that go on to the other side of a back-to-back call. */
export function headersToPass(message: Message, except: readonly string[] = []): SipHeaders {
  const passed: SipHeaders = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    const lower = name.toLowerCase();
    if (!ownHeaders.has(lower) && !except.includes(lower)) passed[name] = value;
  }
  return passed;
}

/** The same, with the type of the body that goes on with them. */
export function headersWithBody(message: Message, except: readonly string[] = []): SipHeaders {
  const headers = headersToPass(message, except);
  if (message.body !== '' && message.has('content-type')) headers['Content-Type'] = message.get('content-type');
  return headers;
}

/** Headers with others in their place or beside them; names are the same in capitals and small letters. */
export function replaceHeaders(headers: Readonly<SipHeaders>, by: Readonly<SipHeaders>): SipHeaders {
  const replaced = new Set(Object.keys(by).map((name) => name.toLowerCase()));
  return { ...Object.fromEntries(Object.entries(headers).filter(([name]) => !replaced.has(name.toLowerCase()))), ...by };
}

/**
 * A Dialog of drachtio-srf sends by the connection to the edge that it began on, even when that has been
 * lost and another has taken its place. This lets it forget which one that was.
 */
function onAnyConnection(dialog: SipDialog): SipDialog {
  const { req } = dialog as { req: { socket?: Socket | undefined } };
  if (req.socket?.destroyed === true) req.socket = undefined;
  return dialog;
}

/** drachtio-srf tells of a dialog's end only when the peer made it. */
const endListeners = new WeakMap<SipDialog, (() => void)[]>();

/** Calls back when a dialog ends, whoever ended it. */
export function onceEnded(dialog: SipDialog, listener: () => void): void {
  const listeners = endListeners.get(dialog);
  if (listeners !== undefined) {
    listeners.push(listener);
    return;
  }
  endListeners.set(dialog, [listener]);
  dialog.on('destroy', () => tellEnded(dialog));
}

function tellEnded(dialog: SipDialog): void {
  const listeners = endListeners.get(dialog) ?? [];
  endListeners.delete(dialog);
  for (const listener of listeners) listener();
}

const preparing = new WeakMap<SipDialog, Promise<void>>();

/** A BYE of ours in that dialog waits until something is on its way that has to come before it. */
export function byeWaitsFor(dialog: SipDialog, prepared: Promise<unknown>): void {
  const before = preparing.get(dialog) ?? Promise.resolve();
  preparing.set(dialog, Promise.allSettled([before, prepared]).then(() => undefined));
}

/** Sends BYE; resolves when it is answered or given up, whatever the answer: the dialog is over for us. */
export async function hangUp(dialog: SipDialog, headers: SipHeaders = {}, body = ''): Promise<void> {
  tellEnded(dialog);
  await preparing.get(dialog);
  // Responses that came in the same read as the BYE that causes this one are on their way to their senders.
  await setImmediate();
  // The BYE of drachtio-srf has no body; when its Dialog has nothing left to end, it only forgets it.
  if (body !== '') await requestInDialog(dialog, { method: 'BYE', headers, body }).catch(() => undefined);
  await new Promise<void>((resolve) => {
    onAnyConnection(dialog).destroy({ headers }, () => resolve());
  });
}

export interface DialogResponse {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
  readonly message: Srf.SrfResponse;
  /** For a 2xx to an INVITE that was sent without a body: the ACK carries the answer. */
  readonly acknowledge?: (sdp: string) => void;
}

interface Timers {
  setTimeout(then: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

const systemTimers: Timers = { setTimeout: (then, ms) => setTimeout(then, ms), clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout) };

export interface InDialogRequest {
  readonly method: Srf.SipMethod;
  readonly headers?: SipHeaders;
  readonly body?: string;
  /** How long a final response may take; the transaction itself ends later (RFC 3261 timer F). */
  readonly timeoutMs?: number;
  /** Whose time that is; left out: the system's. */
  readonly clock?: Timers;
  /** The request, once it is on its way: to be cancelled. */
  readonly onSent?: (request: SipRequest) => void;
  /** The final response, in the moment in which it comes; what came in one read with it comes after. */
  readonly onFinal?: (response: DialogResponse) => void;
  /** Responses from 101 to 199. */
  readonly onProvisional?: (response: SipResponse) => void;
}

/** What a request in a dialog needs of it; one that is not answered yet has no Dialog. */
export interface DialogReach {
  readonly srf: Srf;
  /** As the edge calls it. */
  readonly id: string;
  readonly socket: Socket | undefined;
}

type Sent = (error: unknown, request?: SipRequest) => void;

/** `Srf.request` as it is; its published types are those of another function. */
export const sendRequest = (srf: Srf, options: object, sent: Sent): void => {
  (srf as unknown as { request(options: object, sent: Sent): void }).request(options, sent);
};

/**
 * Sends a request inside a dialog and gives its final response, whatever its status.
 *
 * @throws Failure SIP_TIMEOUT when no final response came, SIP_REFUSED when the edge would not send it.
 */
export function requestInDialog(dialog: SipDialog, request: InDialogRequest): Promise<DialogResponse> {
  const reach = onAnyConnection(dialog) as unknown as DialogReach & { handle(request: SipRequest, response: SipResponse): void };
  return requestWithin(reach, request, (update, response) => reach.handle(update, response));
}

/**
 * The same by the id of a dialog, which may be an early one.
 *
 * @param taken takes an UPDATE of the peer that comes meanwhile: drachtio-srf hands it to whichever
 *                 request of ours has the Call-ID.
 */
export function requestWithin(
  { srf, id, socket }: DialogReach, request: InDialogRequest, taken: (request: SipRequest, response: SipResponse) => void,
): Promise<DialogResponse> {
  const { method, headers = {}, body = '', timeoutMs = 40_000, clock = systemTimers } = request;
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      reject(new Failure('SIP_TIMEOUT', `no final response to ${method} within ${timeoutMs} ms`));
    }, timeoutMs);
    const refused = (error: unknown): void => {
      clock.clearTimeout(timer);
      reject(new Failure('SIP_REFUSED', `${method} could not be sent: ${messageOf(error)}`, { cause: error }));
    };
    const options = { uri: 'sip:placeholder', method, headers, body: body === '' ? undefined : body, stackDialogId: id, _socket: socket };
    try {
      sendRequest(srf, options, (error, outgoing) => {
        if (outgoing === undefined) {
          refused(error);
          return;
        }
        request.onSent?.(outgoing);
        onUpdate(outgoing, taken);
        onResponse(outgoing, (response, acknowledge) => {
          if (response.status < 200) {
            // Only what drachtio-srf can acknowledge is reliable; the parties have no part in that.
            if (response.has('rseq')) acknowledge();
            if (response.status > 100) request.onProvisional?.(response);
            return;
          }
          clock.clearTimeout(timer);
          const accepted = method === 'INVITE' && response.status < 300;
          if (accepted && body !== '') acknowledge();
          const last = accepted && body === '' ? { acknowledge: (sdp: string) => acknowledge({ body: sdp }) } : {};
          const final = { status: response.status, reason: response.reason, body: response.body, message: response, ...last };
          request.onFinal?.(final);
          resolve(final);
        });
      });
    } catch (error) {
      refused(error);
    }
  });
}
