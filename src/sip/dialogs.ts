/**
 * Requests inside a dialog and the headers that travel from one dialog to another.
 *
 * Leaves to  drachtio-srf the dialogs themselves.
 */
import type { Socket } from 'node:net';
import type Srf from 'drachtio-srf';
import { Failure, messageOf } from '../errors/index.js';

/** What every hop or dialog makes for itself (RFC 3261 §16.6, §20): the rest belongs to the parties. */
const ownHeaders = new Set([
  'via', 'from', 'to', 'call-id', 'cseq', 'contact', 'max-forwards', 'route', 'record-route',
  'content-length', 'content-type', 'proxy-connection', 'rack', 'rseq',
]);

export type SipDialog = Srf.Dialog;
export type SipRequest = Srf.SrfRequest;
export type SipResponse = Srf.SrfResponse;

type Headers = Record<string, string>;

/** The headers of a message that go on to the other side of a back-to-back call. */
export function headersToPass(message: Srf.SipMessage & { headers?: Headers }, except: readonly string[] = []): Headers {
  const passed: Headers = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    const lower = name.toLowerCase();
    if (!ownHeaders.has(lower) && !except.includes(lower)) passed[name] = value;
  }
  return passed;
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

/** Sends BYE; resolves when it is answered or given up, whatever the answer: the dialog is over for us. */
export const hangUp = (dialog: SipDialog, headers: Headers = {}): Promise<void> =>
  new Promise((resolve) => {
    onAnyConnection(dialog).destroy({ headers }, () => {
      resolve();
    });
  });

export interface DialogResponse {
  readonly status: number;
  readonly reason: string;
  readonly body: string;
  readonly message: Srf.SrfResponse;
  /** For a 2xx to an INVITE that was sent without SDP: the ACK carries the answer. */
  readonly acknowledge?: (sdp: string) => void;
}

interface InDialogRequest {
  readonly method: Srf.SipMethod;
  readonly headers?: Headers;
  readonly body?: string;
  /** How long a final response may take; the transaction itself ends later (RFC 3261 timer F). */
  readonly timeoutMs?: number;
}

type Answered = (error: unknown, response?: Srf.SrfResponse, ack?: (options: { body: string }) => void) => void;

/**
 * Sends a request inside a dialog and gives its final response, whatever its status.
 *
 * @throws Failure SIP_TIMEOUT when no final response came, SIP_REFUSED when the edge would not send it.
 */
export function requestInDialog(dialog: Srf.Dialog, request: InDialogRequest): Promise<DialogResponse> {
  const { method, headers = {}, body = '', timeoutMs = 40_000 } = request;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Failure('SIP_TIMEOUT', `no final response to ${method} within ${timeoutMs} ms`));
    }, timeoutMs);
    const answered: Answered = (error, response, ack) => {
      if (response !== undefined && response.status < 200) return;
      clearTimeout(timer);
      if (response === undefined) {
        reject(new Failure('SIP_REFUSED', `${method} could not be sent: ${messageOf(error)}`, { cause: error }));
        return;
      }
      const acknowledge = ack === undefined ? {} : { acknowledge: (sdp: string) => ack({ body: sdp }) };
      resolve({ status: response.status, reason: response.reason, body: response.body, message: response, ...acknowledge });
    };
    const options = { method, headers, body: body === '' ? undefined : body, noAck: method === 'INVITE' && body === '' };
    // The published types of drachtio-srf know neither `method` and `body` nor the acknowledging callback.
    (onAnyConnection(dialog) as unknown as { request(options: object, done: Answered): void }).request(options, answered);
  });
}
