/** A request of ours on its way, as its user sees it. */
import { encodeMessage, header } from '../message/encode-message.js';
import { headerOf, type Header, type RequestText, type SipResponse } from '../message/sip-message.js';
import type { Path } from '../transport/path.js';
import { client, inviteClient } from './machines.js';
import { Transaction, type Environment, type OwnersEffect, type TransactionOwner } from './transaction.js';

export interface ClientUser {
  /** Every provisional once or more, every final; a 2xx to INVITE again for each retransmission. */
  response(response: SipResponse, path: Path): void;
  /** No final response came in 64 T1. */
  timedOut(): void;
  /** The request could not be sent. */
  unreachable(cause: string): void;
}

/** Headers of a request that its CANCEL and the ACK to its failure repeat (RFC 3261 §9.1, §17.1.1.3). */
const repeated = new Set(['from', 'call-id', 'route', 'max-forwards']);

function derive(request: RequestText, method: 'ACK' | 'CANCEL', to: string, extra: readonly Header[]): RequestText {
  const cseq = headerOf(request, 'cseq') ?? '0';
  return {
    kind: 'request',
    method,
    uri: request.uri,
    headers: [
      header('Via', headerOf(request, 'via') ?? ''),
      ...request.headers.filter((each) => repeated.has(each.key)),
      header('To', to),
      header('CSeq', `${cseq.slice(0, cseq.indexOf(' '))} ${method}`),
      ...extra,
    ],
    body: '',
  };
}

/** The CANCEL of a request: same Via branch, Request-URI, Route, From, To, Call-ID (RFC 3261 §9.1). */
export const cancelOf = (request: RequestText, extra: readonly Header[]): RequestText =>
  derive(request, 'CANCEL', headerOf(request, 'to') ?? '', extra);

export class ClientTransaction implements TransactionOwner<SipResponse> {
  readonly #transaction: Transaction<SipResponse>;
  /** Kept until it has its final response: an ACK to a failure is made from it. */
  #request: RequestText | undefined;
  #ack: string | undefined;

  constructor(
    request: RequestText,
    environment: Environment,
    path: Path,
    private readonly user: ClientUser,
    private readonly ended: () => void,
  ) {
    this.#request = request;
    this.#transaction = new Transaction(request.method === 'INVITE' ? inviteClient : client, environment, path, this);
  }

  get path(): Path {
    return this.#transaction.path;
  }

  /** Whether a provisional response has come and no final one. */
  get proceeding(): boolean {
    return this.#transaction.state === 'proceeding';
  }

  /** Whether no response at all has come. */
  get silent(): boolean {
    return this.#transaction.state === 'calling' || this.#transaction.state === 'trying';
  }

  start(text: string): void {
    this.#transaction.start(text);
  }

  receive(response: SipResponse): void {
    const { status } = response;
    this.#transaction.feed(status < 200 ? 'received-1xx' : status < 300 ? 'received-2xx' : 'received-failure', response);
    if (status >= 200) this.#request = undefined;
  }

  abandon(): void {
    this.#transaction.abandon();
  }

  perform(effect: OwnersEffect, response: SipResponse | undefined, cause: string | undefined): void {
    switch (effect) {
      case 'pass':
        if (response !== undefined) this.user.response(response, this.#transaction.path);
        break;
      case 'ack':
        if (this.#request !== undefined && response !== undefined) {
          this.#ack ??= encodeMessage(derive(this.#request, 'ACK', headerOf(response, 'to') ?? '', []));
        }
        if (this.#ack !== undefined) this.#transaction.path.send(this.#ack, () => undefined);
        break;
      case 'timeout':
        this.user.timedOut();
        break;
      case 'unreachable':
        this.user.unreachable(cause ?? 'unsent');
        break;
      case 'no-ack':
        break;
      case 'terminated':
        this.ended();
        break;
    }
  }
}
