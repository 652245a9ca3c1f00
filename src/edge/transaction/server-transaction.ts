/** A request of a peer, as its user answers it. */
import type { SipRequest } from '../message/sip-message.js';
import type { Path } from '../transport/path.js';
import { inviteServer, server } from './machines.js';
import { Transaction, type Environment } from './transaction.js';

export interface ServerUser {
  /** An ACK to a 2xx that came with the INVITE's own branch. */
  acknowledged(ack: SipRequest): void;
  ended(): void;
}

export class ServerTransaction {
  readonly #transaction: Transaction<SipRequest>;
  #user: ServerUser | undefined;

  constructor(
    readonly request: SipRequest,
    environment: Environment,
    path: Path,
    /** A way to the peer when the connection it used is gone (RFC 3261 §18.2.2). */
    private readonly reopen: () => Path | undefined,
    gone: () => void,
  ) {
    this.#transaction = new Transaction(request.method === 'INVITE' ? inviteServer : server, environment, path, {
      passed: (ack) => this.#user?.acknowledged(ack),
      acknowledge: () => undefined,
      timedOut: () => undefined,
      unreachable: () => undefined,
      notAcknowledged: () => undefined,
      terminated: () => {
        gone();
        this.#user?.ended();
      },
    });
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
    if (!this.#transaction.path.open) this.#transaction.path = this.reopen() ?? this.#transaction.path;
    return this.#transaction.feed(status < 200 ? 'send-1xx' : status < 300 ? 'send-2xx' : 'send-failure', undefined, text);
  }

  /** The request again, or an ACK with its branch. */
  receive(request: SipRequest): void {
    this.#transaction.feed(request.method === 'ACK' ? 'received-ack' : 'received-request', request);
  }

  abandon(): void {
    this.#transaction.abandon();
  }
}
