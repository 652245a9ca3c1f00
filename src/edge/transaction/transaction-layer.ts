/**
 * The transaction layer (RFC 3261 §17): matches what arrives to what is under way.
 *
 * Owns       the transactions, and the counts of what could not be read.
 * Leaves to  its user what new requests, ACKs and CANCELs mean; the hub how bytes travel.
 *
 * Invariant 1: at most `maxTransactions` exist. When there are so many, one that is over and only lingers
 * makes room; when none is, new requests are answered 503 without state.
 */
import assert from 'node:assert/strict';
import type { Verdict } from '../admission/admission.js';
import { encodeMessage, header } from '../message/encode-message.js';
import { glanceAtCall, type Glimpse } from '../message/glance.js';
import {
  parseText, readEssentials, type EssentialReason, type TextReason,
} from '../message/parse-message.js';
import { salvageRequest } from '../message/salvage.js';
import { copyOf, headerOf, type Header, type RequestText, type SipRequest, type SipResponse } from '../message/sip-message.js';
import { phraseOf, type OwnStatus } from '../message/statuses.js';
import { encodeHostPort } from '../message/uri.js';
import { MAGIC_COOKIE, type Via } from '../message/via.js';
import { defaultPort, isReliable, type Path } from '../transport/path.js';
import type { Hop } from '../transport/server-location.js';
import type { TransportHub } from '../transport/transport-hub.js';
import { ClientTransaction, type ClientUser } from './client-transaction.js';
import { HopSearch, type Compose } from './hop-search.js';
import { makeResponse } from './make-response.js';
import { replyPort, stampVia } from './received-via.js';
import { ServerTransaction } from './server-transaction.js';
import type { Environment } from './transaction.js';
import { TurnedAway } from './turned-away.js';

/** What the layer hands up. Every request has been stamped with where it came from. */
export interface TransactionUser {
  /** Whether a new request, perhaps a malformed one, is let in from where it came. */
  admits(request: RequestText | SipRequest, path: Path): Verdict;
  /** Whether new requests are being turned away, for there is no time for all of them. */
  readonly pressed: boolean;
  /** When one that was turned away may come again. */
  readonly retryAfterSeconds: number;
  /** Takes a request that only passes through, such as one in a dialog of others; true when taken. */
  passes(request: SipRequest, path: Path): boolean;
  request(transaction: ServerTransaction): void;
  /** An ACK that belongs to no failure response of ours. */
  ack(ack: SipRequest): void;
  /** `invite` is the transaction it asks to end, if there is one. */
  cancel(transaction: ServerTransaction, invite: ServerTransaction | undefined): void;
  /** A response to nothing we sent, such as a late one through a proxy. */
  strayResponse(response: SipResponse): void;
}

export type MalformedReason = TextReason | EssentialReason | 'bad-framing';

/**
 * Most of them only linger for 64 T1 to swallow what is repeated: a proxied call leaves two, one back to
 * back four, so a thousand calls a second keep 64,000 or 128,000 of about 1 kB.
 */
const MAX_TRANSACTIONS = 200_000;

/** What every response repeats of its request (RFC 3261 §8.2.6.2). */
const repeated = ['via', 'from', 'to', 'call-id', 'cseq'] as const;

const sentBy = (via: Via): string => `${via.host} ${via.port ?? 5060}`;
const branchKey = (via: Via, method: string): string => `${via.branch} ${sentBy(via)} ${method}`;

/** RFC 3261 §17.2.3; without the magic cookie, what RFC 2543 peers keep the same. */
function serverKey(request: SipRequest): string {
  const { via } = request;
  const method = request.method === 'ACK' ? 'INVITE' : request.method;
  return via.branch.startsWith(MAGIC_COOKIE) && via.branch.length > MAGIC_COOKIE.length
    ? branchKey(via, method)
    : `${request.callId} ${request.fromTag} ${request.cseq.number} ${sentBy(via)} ${method}`;
}

export class TransactionLayer {
  readonly #clients = new Map<string, ClientTransaction>();
  readonly #servers = new Map<string, ServerTransaction>();
  readonly malformed: Partial<Record<MalformedReason, number>> = {};
  received = 0;
  /** The To tag of what is answered without state: the same each time (RFC 3261 §8.2.7), and known again in the ACK. */
  readonly #statelessTag: string;
  readonly #turnedAway: TurnedAway;
  #bound: { readonly hub: TransportHub; readonly user: TransactionUser } | undefined;

  constructor(
    private readonly environment: Environment,
    private readonly newTag: () => string,
    private readonly maxTransactions = MAX_TRANSACTIONS,
  ) {
    this.#statelessTag = newTag();
    this.#turnedAway = new TurnedAway(environment.clock);
  }

  /** Connects the layers above and below; until then nothing is received. */
  bind(hub: TransportHub, user: TransactionUser): void {
    this.#bound = { hub, user };
  }

  get #user(): TransactionUser {
    assert(this.#bound !== undefined);
    return this.#bound.user;
  }

  get #hub(): TransportHub {
    assert(this.#bound !== undefined);
    return this.#bound.hub;
  }

  get size(): number {
    return this.#clients.size + this.#servers.size;
  }

  /** Makes room first, if it can. */
  #full(): boolean {
    return this.size >= this.maxTransactions && !this.environment.lingering.shed();
  }

  /** One message off the wire. */
  receive(text: string, path: Path): void {
    if (this.#bound === undefined) return;
    this.received += 1;
    if (text.startsWith('ACK ') && text.includes(`;tag=${this.#statelessTag}`)) return;
    const glimpse = this.#user.pressed ? glanceAtCall(text) : undefined;
    const key = glimpse === undefined ? '' : branchKey(glimpse.via, 'INVITE');
    if (glimpse === undefined || this.#servers.has(key)) this.#read(text, path);
    else {
      const verdict = this.#judge(glimpse, key, path);
      if (verdict === 'admitted') this.#read(text, path, verdict);
      else if (verdict === 'turned-away') this.#turnAwayRequest(stampVia(glimpse, path), key, path);
    }
  }

  /** `verdict`: when it has been judged already. */
  #read(text: string, path: Path, verdict?: Verdict): void {
    const parts = parseText(text);
    if (typeof parts === 'string') {
      if (parts === 'empty') return;
      this.countMalformed(parts);
      const salvaged = salvageRequest(text);
      if (salvaged !== undefined) this.#refuse(salvaged, parts === 'bad-version' ? 505 : 400, path, verdict);
      return;
    }
    const message = readEssentials(parts);
    if (typeof message === 'string') {
      this.countMalformed(message);
      if (parts.kind === 'request') this.#refuse(parts, 400, path, verdict);
      return;
    }
    if (message.kind === 'response') this.#receiveResponse(message);
    else this.#receiveRequest(stampVia(message, path), path, verdict);
  }

  countMalformed(reason: MalformedReason): void {
    this.malformed[reason] = (this.malformed[reason] ?? 0) + 1;
  }

  /** Sends a request whose top Via has `branch`; undefined when there are too many transactions. */
  request(request: RequestText, branch: string, path: Path, user: ClientUser, text = encodeMessage(request)): ClientTransaction | undefined {
    if (this.#full()) return undefined;
    const key = `${branch} ${request.method}`;
    const transaction = new ClientTransaction(request, this.environment, path, user, () => {
      this.#clients.delete(key);
    });
    this.#clients.set(key, transaction);
    transaction.start(text);
    return transaction;
  }

  /** Prepares a request for the first of several places; it goes on to the others by itself (RFC 3263 §4.3). */
  along<Reason extends string>(hops: readonly Hop[], compose: Compose<Reason>): HopSearch | Reason | 'no-transport' {
    return HopSearch.begin(this, this.#hub, hops, compose);
  }

  /** The value of the Via for a request along a path. */
  viaFor(path: Path, branch: string): string {
    return `SIP/2.0/${path.protocol.toUpperCase()} ${encodeHostPort(path.local.address, path.local.port)};rport;branch=${branch}`;
  }

  /** Answers on behalf of the edge itself; returns what it said. */
  answer(transaction: ServerTransaction, status: OwnStatus, toTag?: string, extra: readonly Header[] = []): string {
    const tag = status === 100 ? undefined : (toTag ?? this.newTag());
    const text = encodeMessage(makeResponse(transaction.request, status, phraseOf(status), tag, extra));
    transaction.respond(status, text);
    return text;
  }

  close(): void {
    for (const transaction of [...this.#clients.values()]) transaction.abandon();
    for (const transaction of [...this.#servers.values()]) transaction.abandon();
  }

  #receiveResponse(response: SipResponse): void {
    const transaction = this.#clients.get(`${response.via.branch} ${response.cseq.method}`);
    if (transaction === undefined) this.#user.strayResponse(response);
    else transaction.receive(response);
  }

  #receiveRequest(request: SipRequest, path: Path, judged: Verdict | undefined): void {
    const key = serverKey(request);
    const existing = this.#servers.get(key);
    if (existing !== undefined) {
      existing.receive(request);
      return;
    }
    if (this.#user.passes(request, path)) return;
    if (request.method === 'ACK') {
      this.#user.ack(request);
      return;
    }
    const verdict = judged ?? this.#judge(request, key, path);
    if (verdict === 'ignored') return;
    if (verdict === 'turned-away' || this.#full()) {
      this.#turnAwayRequest(request, key, path);
      return;
    }
    const reply = this.#hub.replyTo(path, request.via, replyPort(request, path));
    this.#hub.learn(path, { address: request.via.host, port: request.via.port ?? defaultPort(path.protocol) });
    // A copy: what is made of parts of the message would hold on to all that arrived with it.
    const kept = copyOf(key);
    const transaction = new ServerTransaction(
      request, this.environment, reply,
      () => {
        this.#servers.delete(kept);
      },
    );
    this.#servers.set(kept, transaction);
    if (request.method === 'CANCEL') this.#user.cancel(transaction, this.#servers.get(key.replace(/ CANCEL$/u, ' INVITE')));
    else this.#user.request(transaction);
  }

  /** For requests that name enough to be answered: the answer goes back the way they came. */
  #refuse(parts: RequestText, status: OwnStatus, path: Path, judged: Verdict | undefined): void {
    if (parts.method === 'ACK' || repeated.some((key) => headerOf(parts, key) === undefined)) return;
    const verdict = judged ?? this.#user.admits(parts, path);
    if (verdict === 'admitted') this.respondWithoutState(parts, status, path);
    else if (verdict === 'turned-away') this.#turnAway(parts, path);
  }

  #judge(request: RequestText | SipRequest, key: string, path: Path): Verdict {
    const verdict = this.#user.admits(request, path);
    return verdict === 'admitted' && this.#turnedAway.has(key) ? 'turned-away' : verdict;
  }

  /** Back by the very connection or not at all: one must not be opened for a refusal, nor a refusal outrun the request's next attempt. */
  #turnAwayRequest(request: Glimpse, key: string, path: Path): void {
    if (!isReliable(path)) this.#turnedAway.remember(key);
    this.#turnAway(request, isReliable(path) ? path : this.#hub.replyTo(path, request.via, replyPort(request, path)));
  }

  #turnAway(request: RequestText, path: Path): void {
    this.respondWithoutState(request, 503, path, [header('Retry-After', `${this.#user.retryAfterSeconds}`)]);
  }

  /** Answers a request without remembering it (RFC 3261 §8.2.7). */
  respondWithoutState(request: RequestText, status: OwnStatus, path: Path, extra: readonly Header[] = []): void {
    path.send(encodeMessage(makeResponse(request, status, phraseOf(status), this.#statelessTag, extra)), () => undefined);
  }
}
