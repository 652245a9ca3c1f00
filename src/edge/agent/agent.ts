/**
 * The agent: what stands between the applications and the transaction layer. It only directs; the
 * parts do the work.
 */
import type { Admission, Verdict } from '../admission/admission.js';
import type { Application } from '../app/application.js';
import type { Commands } from '../app/app-session.js';
import type { Proxy } from '../proxy/proxy.js';
import type { RequestText, SipRequest, SipResponse } from '../message/sip-message.js';
import type { ServerTransaction } from '../transaction/server-transaction.js';
import type { TransactionUser } from '../transaction/transaction-layer.js';
import type { Path } from '../transport/path.js';
import { AppRequests } from './app-requests.js';
import { Calls } from './calls.js';
import type { AgentContext } from './context.js';
import { NetworkRequests } from './network-requests.js';
import { NewRequests, type Elsewhere } from './new-requests.js';

export class Agent implements Commands, TransactionUser {
  readonly #calls: Calls;
  readonly #network: NetworkRequests;
  readonly #fresh: NewRequests;
  readonly #app: AppRequests;

  constructor(
    context: AgentContext,
    private readonly proxying: Proxy,
    heard: (address: string) => boolean,
    private readonly admission: Admission,
    elsewhere: Elsewhere,
  ) {
    this.#calls = new Calls(context);
    this.#network = new NetworkRequests(this.#calls, heard, admission, (transaction) => this.#fresh.request(transaction));
    this.#fresh = new NewRequests(context, proxying, elsewhere, (transaction, application) => this.#network.give(transaction, application, undefined));
    this.#app = new AppRequests(this.#calls);
  }

  get droppedSources(): number {
    return this.#network.droppedSources;
  }

  /** What something is still awaited for, in every register. */
  get pending(): number {
    return this.#calls.size + this.proxying.size;
  }

  sip(application: Application, messageId: string, tokens: readonly string[], text: string): void {
    this.#app.handle(application, messageId, tokens, text);
  }

  proxy(application: Application, messageId: string, tokens: readonly string[], text: string): void {
    const incoming = this.#calls.incoming(tokens[0] ?? '', application);
    if (incoming === undefined || incoming.transaction.answered || incoming.dialog !== undefined) {
      application.fail(messageId, `Unknown transaction id: ${tokens[0] ?? ''}`);
      return;
    }
    application.promptness.decidedSince(incoming.receivedAt);
    this.proxying.begin(application, messageId, incoming.handOver(), tokens.slice(1), text);
  }

  arrived(application: Application): void {
    this.#calls.adopt(application);
  }

  gone(application: Application): void {
    this.#calls.release(application);
  }

  admits(request: RequestText | SipRequest, path: Path): Verdict {
    return this.#network.admits(request, path);
  }

  get pressed(): boolean {
    return this.admission.pressed;
  }

  get retryAfterSeconds(): number {
    return this.admission.retryAfterSeconds;
  }

  passes(request: SipRequest, path: Path): boolean {
    if (request.toTag === '' || !this.#network.isForOthers(request)) return false;
    if (this.#network.hears(request, path)) this.proxying.passOn(request, path);
    return true;
  }

  request(transaction: ServerTransaction): void {
    this.#network.request(transaction);
  }

  ack(ack: SipRequest): void {
    this.#network.ack(ack);
  }

  cancel(transaction: ServerTransaction, invite: ServerTransaction | undefined): void {
    if (invite !== undefined && (this.proxying.cancel(transaction, invite) || this.#fresh.cancel(transaction, invite))) return;
    this.#network.cancel(transaction, invite);
  }

  strayResponse(response: SipResponse): void {
    this.proxying.strayResponse(response);
  }

  close(): void {
    this.#fresh.close();
    this.proxying.close();
    this.#calls.close();
  }
}
