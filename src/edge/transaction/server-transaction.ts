/** A request of a peer, as its user answers it. */
import { copyOf, type SipRequest } from '../message/sip-message.js';
import type { Path } from '../transport/path.js';
import { inviteServer, server } from './machines.js';
import { Transaction, type Environment, type OwnersEffect, type TransactionOwner } from './transaction.js';

export interface ServerUser {
  /** An ACK to a 2xx that came with the INVITE's own branch. */
  acknowledged(ack: SipRequest): void;
  ended(): void;
}

/** What is left of a request when nobody reads it any more. Copies, so that the whole message is let go. */
function bare(request: SipRequest): SipRequest {
  const nowhere = { display: '', uri: '', params: '' };
  return {
    kind: 'request', method: request.method, uri: '', headers: [], body: '',
    via: { ...request.via, host: copyOf(request.via.host), params: '', branch: '' },
    from: nowhere, to: nowhere, fromTag: copyOf(request.fromTag), toTag: copyOf(request.toTag), callId: copyOf(request.callId), cseq: request.cseq,
  };
}

export class ServerTransaction implements TransactionOwner<SipRequest> {
  readonly #transaction: Transaction<SipRequest>;
  #request: SipRequest;
  #user: ServerUser | undefined;

  constructor(
    request: SipRequest,
    environment: Environment,
    path: Path,
    private readonly gone: () => void,
  ) {
    this.#request = request;
    this.#transaction = new Transaction(request.method === 'INVITE' ? inviteServer : server, environment, path, this);
  }

  /** After `settle`, only what names it: method, Call-ID, tags, CSeq, and where its sender is. */
  get request(): SipRequest {
    return this.#request;
  }

  get path(): Path {
    return this.#transaction.path;
  }

  /** Whether a final response has been sent, or can no longer be. */
  get answered(): boolean {
    const { state } = this.#transaction;
    return state !== 'proceeding' && state !== 'trying';
  }

  get ended(): boolean {
    return this.#transaction.ended;
  }

  get accepted(): boolean {
    return this.#transaction.state === 'accepted';
  }

  attach(user: ServerUser): void {
    this.#user = user;
  }

  /** Sends a response; false when the transaction takes none any more. */
  respond(status: number, text: string): boolean {
    return this.#transaction.feed(status < 200 ? 'send-1xx' : status < 300 ? 'send-2xx' : 'send-failure', undefined, text);
  }

  /** The request again, or an ACK with its branch. */
  receive(request: SipRequest): void {
    this.#transaction.feed(request.method === 'ACK' ? 'received-ack' : 'received-request', request);
  }

  abandon(): void {
    this.#transaction.abandon();
  }

  /** Its user is done with it: from here on it swallows what is repeated, and holds no more than that takes. */
  settle(): void {
    this.#user = undefined;
    this.#request = bare(this.#request);
  }

  perform(effect: OwnersEffect, ack: SipRequest | undefined): void {
    if (effect === 'pass' && ack !== undefined) this.#user?.acknowledged(ack);
    if (effect !== 'terminated') return;
    this.gone();
    this.#user?.ended();
  }
}
