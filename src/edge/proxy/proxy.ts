/**
 * The proxy core (RFC 3261 §16): stateful for what an application proxies, stateless for what
 * runs through afterwards.
 *
 * Owns       the sessions.
 * Leaves to  proxy-session one request; stateless the rest of a dialog.
 */
import type { CallFacts } from '../agent/call-facts.js';
import type { Application } from '../app/application.js';
import { pathInDialog, requestInDialog } from '../agent/in-dialog.js';
import { dialogOfClient } from '../dialog/dialog.js';
import type { Ids } from '../ids.js';
import { encodeMessage } from '../message/encode-message.js';
import { parseNameAddr, tagOf } from '../message/name-addr.js';
import { headerOf, type Header, headersOf, type RequestText, type SipRequest, type SipResponse } from '../message/sip-message.js';
import type { OwnStatus } from '../message/statuses.js';
import { MAGIC_COOKIE } from '../message/via.js';
import type { ClientUser } from '../transaction/client-transaction.js';
import type { ServerTransaction } from '../transaction/server-transaction.js';
import type { Environment } from '../transaction/transaction.js';
import type { TransactionLayer } from '../transaction/transaction-layer.js';
import type { Path } from '../transport/path.js';
import type { TransportHub } from '../transport/transport-hub.js';
import { refusalOf } from './validate-request.js';
import { Challenges } from './challenges.js';
import { routingDigest } from './loop.js';
import { parseProxyCommand } from './proxy-command.js';
import type { ProxyContext } from './proxy-context.js';
import { ProxySession } from './proxy-session.js';
import { StatelessForwarding } from './stateless.js';

const nobody: ClientUser = { response: () => undefined, timedOut: () => undefined, unreachable: () => undefined };

/** What applications are told; the first is drachtio-server's. */
const refusalText = {
  483: '483 Too Many Hops due to Max-Forwards value of 0', 482: '482 Loop Detected', 420: '420 Bad Extension due to Proxy-Require',
} as const;

/** A CANCEL is made anew at each hop (RFC 3261 §16.10); what else the caller said in it, such as its Reason, goes on. */
const ofItsOwn = new Set(['via', 'route', 'max-forwards', 'from', 'to', 'call-id', 'cseq', 'contact', 'content-type', 'content-length', 'proxy-authorization', 'authorization']);

export class Proxy {
  readonly #sessions = new Map<ServerTransaction, ProxySession>();
  readonly #context: ProxyContext;
  readonly #stateless: StatelessForwarding;
  /** Begins every branch of this proxy. */
  readonly #mark: string;

  constructor(environment: Environment, hub: TransportHub, private readonly layer: TransactionLayer, private readonly ids: Ids, private readonly facts: CallFacts) {
    this.#mark = `${MAGIC_COOKIE}p${ids.tag()}`;
    this.#context = {
      environment,
      hub,
      layer,
      facts,
      newTag: () => ids.tag(),
      newBranch: (digest) => `${this.#mark}.${digest}.${ids.tag()}`,
      challenges: new Challenges(environment.clock),
      running: new Set(),
      endCall: (request, answer, path) => this.#endCall(request, answer, path),
    };
    this.#stateless = new StatelessForwarding(this.#context, this.#mark);
  }

  /** Sessions, and branches that something is still awaited on. */
  get size(): number {
    return this.#sessions.size + this.#context.running.size;
  }

  /** Begins to proxy a request that nobody has answered. */
  begin(application: Application, messageId: string, transaction: ServerTransaction, tokens: readonly string[], text: string): void {
    const command = parseProxyCommand(tokens, text);
    if (typeof command === 'string') {
      this.#refuse(transaction, 500);
      application.fail(messageId, `error proxying request to ${tokens[6] ?? ''}: ${command}`);
      return;
    }
    const digest = routingDigest(transaction.request);
    const refusal = refusalOf(transaction.request, this.#mark, digest);
    if (refusal !== undefined) {
      this.#refuse(transaction, refusal.status, refusal.extra);
      application.fail(messageId, `Rejected with ${refusalText[refusal.status]}`);
      return;
    }
    const session = new ProxySession(this.#context, application, messageId, transaction, command, digest, () => {
      this.#sessions.delete(transaction);
    });
    this.#sessions.set(transaction, session);
    session.start();
  }

  /** A CANCEL of something proxied; false when it is not. */
  cancel(transaction: ServerTransaction, invite: ServerTransaction): boolean {
    const session = this.#sessions.get(invite);
    if (session === undefined) return false;
    this.layer.answer(transaction, 200);
    if (!invite.answered) session.cancel(transaction.request.headers.filter((each) => !ofItsOwn.has(each.key)));
    return true;
  }

  passOn(request: SipRequest, path: Path): void {
    this.#stateless.request(request, path);
  }

  strayResponse(response: SipResponse): void {
    this.#stateless.response(response);
  }

  close(): void {
    for (const branch of this.#context.running) branch.stop();
  }

  #refuse(transaction: ServerTransaction, status: OwnStatus, extra: readonly Header[] = []): void {
    const text = this.layer.answer(transaction, status, undefined, extra);
    if (transaction.request.method === 'INVITE') this.facts.answered('application', 'proxy-uas', status, text);
  }

  #endCall(request: RequestText, answer: SipResponse, path: Path): void {
    const from = parseNameAddr(headerOf(request, 'from') ?? '');
    const tag = typeof from === 'string' ? undefined : tagOf(from);
    if (tag === undefined) return;
    const dialog = dialogOfClient(request, answer.callId, tag, answer.cseq.number, answer, path, undefined);
    // The route goes back to the caller; of it only what lies beyond this proxy leads to the callee.
    dialog.routes = dialog.routes.slice(headersOf(request, 'record-route').length);
    pathInDialog(this.#context, dialog, (outward) => {
      if (typeof outward === 'string') return;
      for (const [method, cseq] of [['ACK', dialog.localSeq], ['BYE', dialog.localSeq + 1]] as const) {
        const branch = this.ids.branch();
        const message = requestInDialog(this.#context, dialog, { method, headers: [], body: '' }, cseq, branch, outward);
        if (typeof message === 'string') continue;
        if (method === 'ACK') outward.send(encodeMessage(message), () => undefined);
        else this.layer.request(message, branch, outward, nobody);
      }
    });
  }
}
