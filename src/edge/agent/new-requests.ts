/**
 * New requests outside any dialog: who takes each, by what applications registered for, by an
 * outbound connection, or by what a service says.
 *
 * Owns       the requests that wait for a connection or a service.
 * Leaves to  network-requests what an application does with one; the proxy what is proxied.
 *
 * Invariant 1: a request that waits is answered, given away or cancelled; each wait has an end.
 */
import { Application } from '../app/application.js';
import { parseInstruction } from '../app/instruction.js';
import type { Destination, NoApplication } from '../app/outbound.js';
import type { Handling } from '../app/request-handlers.js';
import type { RoutingService } from '../app/routing-service.js';
import { encodeMessage, header } from '../message/encode-message.js';
import { headerOf, type Header, type SipRequest } from '../message/sip-message.js';
import { rejectionPhrase } from '../message/statuses.js';
import { parseUri } from '../message/uri.js';
import type { Proxy } from '../proxy/proxy.js';
import { makeResponse } from '../transaction/make-response.js';
import type { ServerTransaction } from '../transaction/server-transaction.js';
import type { Path } from '../transport/path.js';
import type { AgentContext } from './context.js';

/** The methods that an application may be asked for; what else one registers for is delivered, too. */
const allowed = [
  'INVITE', 'ACK', 'BYE', 'CANCEL', 'INFO', 'MESSAGE', 'NOTIFY', 'OPTIONS', 'PRACK', 'PUBLISH', 'REFER', 'REGISTER', 'SUBSCRIBE', 'UPDATE',
];

/** Requests that may make a dialog. */
const forming = new Set(['INVITE', 'SUBSCRIBE']);

/** Schemes of Request-URIs that an application may know what to do with (RFC 3261 §8.2.2.1, RFC 3966, RFC 5031). */
const schemes = new Set(['sip', 'sips', 'tel', 'urn', 'im', 'pres']);

/** Who decides about new requests in place of the applications that registered. */
export interface Elsewhere {
  handlerOf(method: string): Handling | undefined;
  /** Connects to an application; what it returns calls the attempt off. */
  connect(to: Destination, done: (found: Application | NoApplication) => void): () => void;
}

/** Nobody but the applications that registered. */
export const nowhereElse: Elsewhere = {
  handlerOf: () => undefined,
  connect: (_to, done) => {
    done('unreachable');
    return () => undefined;
  },
};

const userOf = (text: string): string => {
  const uri = parseUri(text);
  return typeof uri === 'string' ? '' : (uri.user ?? '');
};

/** What a service is told of a request, under drachtio-server's names. */
function queryOf(request: SipRequest, path: Path): (readonly [string, string])[] {
  const uri = parseUri(request.uri);
  const params = typeof uri === 'string' ? [] : uri.params.split(';').filter((each) => each !== '');
  return [
    ['method', request.method],
    ['domain', typeof uri === 'string' ? '' : uri.host],
    ['protocol', path.protocol],
    ['source_address', path.address],
    ['fromUser', userOf(request.from.uri)],
    ['toUser', userOf(request.to.uri)],
    ['uriUser', userOf(request.uri)],
    ['contentType', headerOf(request, 'content-type') ?? ''],
    ['uri', request.uri],
    ...params.map((each) => {
      const equals = each.indexOf('=');
      return equals === -1 ? ([each, ''] as const) : ([each.slice(0, equals), each.slice(equals + 1)] as const);
    }),
  ];
}

export class NewRequests {
  /** What calls off the wait of a request. */
  readonly #waiting = new Map<ServerTransaction, () => void>();

  constructor(
    private readonly context: AgentContext,
    private readonly proxying: Proxy,
    private readonly elsewhere: Elsewhere,
    private readonly give: (transaction: ServerTransaction, application: Application) => void,
  ) {}

  request(transaction: ServerTransaction): void {
    const { layer, routes, dialogs } = this.context;
    const { method, uri } = transaction.request;
    if (method === 'INVITE') layer.answer(transaction, 100);
    const handling = this.elsewhere.handlerOf(method);
    const application = handling === undefined ? routes.pick(method.toLowerCase()) : undefined;
    if (handling === undefined && application === undefined && !allowed.includes(method)) {
      this.#refuse(transaction, 405, [header('Allow', allowed.join(', '))]);
    } else if (!schemes.has(uri.slice(0, Math.max(0, uri.indexOf(':'))).toLowerCase())) {
      this.#refuse(transaction, 416);
    } else if (dialogs.full && forming.has(method)) {
      this.#refuse(transaction, 503);
    } else if (handling?.kind === 'connect') {
      this.#attempted(transaction);
      this.#connect(transaction, handling.to);
    } else if (handling?.kind === 'ask') {
      this.#attempted(transaction);
      this.#ask(transaction, handling.service, handling.verifyPeer);
    } else if (application === undefined) {
      this.#refuse(transaction, 503);
    } else {
      this.give(transaction, application);
      this.#attempted(transaction);
    }
  }

  /** A CANCEL of a request that waits; false when it does not. */
  cancel(transaction: ServerTransaction, invite: ServerTransaction): boolean {
    const callOff = this.#waiting.get(invite);
    if (callOff === undefined) return false;
    this.#waiting.delete(invite);
    callOff();
    const tag = this.context.ids.tag();
    this.context.layer.answer(transaction, 200, tag);
    this.context.layer.answer(invite, 487, tag);
    this.context.facts.canceled(invite.request);
    invite.settle();
    return true;
  }

  close(): void {
    for (const callOff of this.#waiting.values()) callOff();
    this.#waiting.clear();
  }

  #attempted(transaction: ServerTransaction): void {
    if (transaction.request.method === 'INVITE') this.context.facts.attempted('network', transaction.request);
  }

  #refuse(transaction: ServerTransaction, status: 405 | 416 | 480 | 500 | 503, extra: readonly Header[] = []): void {
    const wasAttempted = this.#waiting.delete(transaction);
    const text = this.context.layer.answer(transaction, status, undefined, extra);
    if (transaction.request.method === 'INVITE') {
      if (!wasAttempted) this.context.facts.attempted('network', transaction.request);
      this.context.facts.answered('application', 'uas', status, text);
    }
    transaction.settle();
  }

  /** Waits for something that `begin` starts. It may call back at once, and does not once it has been called off. */
  #wait(transaction: ServerTransaction, begin: () => () => void): void {
    const nothingYet = (): void => undefined;
    this.#waiting.set(transaction, nothingYet);
    const callOff = begin();
    if (this.#waiting.get(transaction) === nothingYet) this.#waiting.set(transaction, callOff);
  }

  #connect(transaction: ServerTransaction, to: Destination): void {
    this.#wait(transaction, () => this.elsewhere.connect(to, (found) => {
      if (found === 'too-many') this.#refuse(transaction, 503);
      else if (found === 'unreachable') this.#refuse(transaction, 480);
      else this.#giveWaiting(transaction, found);
    }));
  }

  #ask(transaction: ServerTransaction, service: RoutingService, verifyPeer: boolean): void {
    const { request, path } = transaction;
    const question = { query: queryOf(request, path), text: encodeMessage(request) };
    this.#wait(transaction, () => service.ask(question, (answer) => {
      if (answer.kind === 'too-many') this.#refuse(transaction, 503);
      else this.#obey(transaction, answer.kind === 'text' ? answer.text : '', verifyPeer);
    }));
  }

  #obey(transaction: ServerTransaction, text: string, verifyPeer: boolean): void {
    const instruction = parseInstruction(text);
    if (typeof instruction === 'string') {
      this.#refuse(transaction, 500);
      return;
    }
    switch (instruction.action) {
      case 'reject':
        this.#respond(transaction, instruction.status, instruction.reason ?? rejectionPhrase(instruction.status), []);
        return;
      case 'redirect':
        this.#respond(transaction, 302, 'Moved', instruction.contacts.map((contact) => header('Contact', contact)));
        return;
      case 'proxy':
        this.#waiting.delete(transaction);
        this.proxying.begin(Application.nobody(), '', transaction, instruction.tokens, '');
        return;
      case 'connect': {
        const { host, port, tls } = instruction;
        this.#connect(transaction, { host, port, tls, verifyPeer });
        return;
      }
      case 'tag': {
        const application = this.context.routes.pick(transaction.request.method.toLowerCase(), instruction.tag);
        if (application === undefined) this.#refuse(transaction, 480);
        else this.#giveWaiting(transaction, application);
      }
    }
  }

  #giveWaiting(transaction: ServerTransaction, application: Application): void {
    if (this.context.dialogs.full && forming.has(transaction.request.method)) {
      this.#refuse(transaction, 503);
      return;
    }
    this.#waiting.delete(transaction);
    this.give(transaction, application);
  }

  #respond(transaction: ServerTransaction, status: number, reason: string, extra: readonly Header[]): void {
    this.#waiting.delete(transaction);
    const text = encodeMessage(makeResponse(transaction.request, status, reason, this.context.ids.tag(), extra));
    transaction.respond(status, text);
    if (transaction.request.method === 'INVITE') this.context.facts.answered('application', 'uas', status, text);
    transaction.settle();
  }
}
