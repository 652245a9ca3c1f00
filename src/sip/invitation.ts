/**
 * How a dialog begins, step by step: an INVITE of ours and what comes back, and our responses to a peer's.
 *
 * drachtio-srf handles all that comes in one read before our code goes on, so everything here calls back
 * at once: a dialog is there, and holds what comes in it, before the next message is looked at.
 *
 * Leaves to  back-to-back calls what is said in them; dialogs.ts what happens inside one.
 */
import type { Socket } from 'node:net';
import Srf from 'drachtio-srf';
import { onResponse, onUpdate, tellInOrder, type SipDialog, type SipHeaders, type SipRequest, type SipResponse } from './drachtio-events.js';
import { sendRequest, type DialogReach } from './dialogs.js';

export interface Invitation {
  readonly srf: Srf;
  /** The Request-URI, and where it is sent. */
  readonly target: string;
  readonly nextHop: string;
  readonly headers: SipHeaders;
  readonly body: string;
  /** The request that it belongs to: both go by one connection to the edge. */
  readonly cause: SipRequest;
}

export interface InvitationEvents {
  /** It is on its way. */
  sent(request: SipRequest): void;
  /** The edge would not send it. */
  notSent(error: unknown): void;
  /** 101 to 199. */
  provisional(response: SipResponse): void;
  /** 2xx; nothing else follows. The ACK has to be sent. */
  accepted(request: SipRequest, response: SipResponse, acknowledge: (body: string) => void): void;
  /** 300 and above; nothing else follows. */
  refused(response: SipResponse): void;
  /** An UPDATE of the callee before its answer. */
  update(request: SipRequest, response: SipResponse): void;
}

const socketOf = (message: SipRequest | SipResponse): Socket | undefined => (message as { socket?: Socket }).socket;

export function invite(invitation: Invitation, events: InvitationEvents): void {
  const { srf, target, nextHop, headers, body, cause } = invitation;
  const options = { uri: target, method: 'INVITE', proxy: nextHop, headers, body: body === '' ? undefined : body, _socket: socketOf(cause) };
  try {
    sendRequest(srf, options, (error, request) => {
      if (request === undefined) {
        events.notSent(error);
        return;
      }
      onUpdate(request, (update, response) => events.update(update, response));
      onResponse(request, (response, acknowledge) => {
        if (response.status < 200) events.provisional(response);
        else if (response.status < 300) events.accepted(request, response, (sdp) => (sdp === '' ? acknowledge() : acknowledge({ body: sdp })));
        else events.refused(response);
      });
      events.sent(request);
    });
  } catch (error) {
    events.notSent(error);
  }
}

/** Sends a response and calls back with it as it went out, or with why it did not. */
export function respond(
  response: SipResponse, { status, reason, headers, body }: { status: number; reason: string; headers: SipHeaders; body: string },
  done: (error: unknown, sent?: Srf.SipMessage) => void,
): void {
  response.send(status, reason, { headers, body: body === '' ? undefined : body }, (error: unknown, sent?: Srf.SipMessage) => done(error ?? undefined, sent));
}

/** The dialog id that the edge has given to a message. */
export const dialogIdOf = (message: SipRequest | SipResponse): string => (message as { stackDialogId?: string }).stackDialogId ?? '';

/** An early dialog, by a message in it that came or went. */
export const reachOf = (srf: Srf, message: SipRequest | SipResponse): DialogReach => ({ srf, id: dialogIdOf(message), socket: socketOf(message) });

type DialogMaker = new (srf: Srf, type: 'uac' | 'uas', options: object) => SipDialog & { queueRequests: boolean };

/** Makes the Dialog and lets it hold the peer's requests until `releaseHeld`. Throws when a Contact is missing or unreadable. */
function begin(srf: Srf, type: 'uac' | 'uas', options: object): SipDialog {
  const dialog = new ((Srf as unknown as { Dialog: DialogMaker }).Dialog)(srf, type, options);
  tellInOrder(dialog);
  dialog.queueRequests = true;
  (srf as unknown as { addDialog(dialog: SipDialog): void }).addDialog(dialog);
  return dialog;
}

/** The dialog that a 2xx to our INVITE has made. */
export const dialogOfCaller = (srf: Srf, req: SipRequest, res: SipResponse): SipDialog => begin(srf, 'uac', { req, res });

/** The dialog that our 2xx to a peer's INVITE has made. */
export const dialogOfCallee = (srf: Srf, req: SipRequest, res: SipResponse, sent: Srf.SipMessage): SipDialog => begin(srf, 'uas', { req, res, sent });

/** What has come in the dialog, and what comes from now on, goes to its listeners. */
export function releaseHeld(dialog: SipDialog): void {
  (dialog as { queueRequests?: boolean }).queueRequests = false;
}

/** Sees requests in dialogs that drachtio-srf has no Dialog for: those that are not answered yet. */
export function onEarlyRequest(srf: Srf, take: (request: SipRequest, response: SipResponse) => boolean): void {
  srf.use((request, response, next) => {
    if (dialogIdOf(request) === '' || !take(request, response)) (next as () => void)();
  });
}
