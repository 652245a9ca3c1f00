/**
 * The proxy core (RFC 3261 §16): stateful for what an application proxies, stateless for what
 * runs through afterwards.
 *
 * Owns       the sessions.
 * Leaves to  proxy-session one request; stateless the rest of a dialog.
 */
import type { Application } from '../app/application.js';
import { composeInside } from '../agent/compose-request.js';
import { dialogOfClient, routeInDialog } from '../dialog/dialog.js';
import type { Ids } from '../ids.js';
import { encodeMessage } from '../message/encode-message.js';
import { parseNameAddr, tagOf } from '../message/name-addr.js';
import { headerOf, type RequestText, type SipRequest, type SipResponse } from '../message/sip-message.js';
import { parseUri } from '../message/uri.js';
import { MAGIC_COOKIE } from '../message/via.js';
import type { ClientUser } from '../transaction/client-transaction.js';
import type { ServerTransaction } from '../transaction/server-transaction.js';
import type { Environment } from '../transaction/transaction.js';
import type { TransactionLayer } from '../transaction/transaction-layer.js';
import type { Path } from '../transport/path.js';
import type { TransportHub } from '../transport/transport-hub.js';
import { nextMaxForwards } from './forward-request.js';
import { parseProxyCommand } from './proxy-command.js';
import type { ProxyContext } from './proxy-context.js';
import { ProxySession } from './proxy-session.js';
import { StatelessForwarding } from './stateless.js';

const nobody: ClientUser = { response: () => undefined, timedOut: () => undefined, unreachable: () => undefined };

export class Proxy {
  readonly #sessions = new Map<ServerTransaction, ProxySession>();
  readonly #context: ProxyContext;
  readonly #stateless: StatelessForwarding;

  constructor(environment: Environment, private readonly hub: TransportHub, private readonly layer: TransactionLayer, private readonly ids: Ids) {
    const mark = `${MAGIC_COOKIE}p${ids.tag()}`;
    this.#context = {
      environment,
      hub,
      layer,
      newTag: () => ids.tag(),
      newBranch: () => `${mark}.${ids.tag()}`,
      running: new Set(),
      endCall: (request, answer, path) => this.#endCall(request, answer, path),
    };
    this.#stateless = new StatelessForwarding(this.#context, mark);
  }

  /** Begins to proxy a request that nobody has answered. */
  begin(application: Application, messageId: string, transaction: ServerTransaction, tokens: readonly string[], text: string): void {
    const command = parseProxyCommand(tokens, text);
    if (typeof command === 'string') {
      this.layer.answer(transaction, 500);
      application.fail(messageId, `error proxying request to ${tokens[6] ?? ''}: ${command}`);
      return;
    }
    const maxForwards = nextMaxForwards(transaction.request);
    if (maxForwards === undefined) {
      this.layer.answer(transaction, 483);
      application.fail(messageId, 'Rejected with 483 Too Many Hops');
      return;
    }
    const session = new ProxySession(this.#context, application, messageId, transaction, command, maxForwards, () => {
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
    if (!invite.answered) session.cancel();
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

  #endCall(request: RequestText, answer: SipResponse, path: Path): void {
    const from = parseNameAddr(headerOf(request, 'from') ?? '');
    const tag = typeof from === 'string' ? undefined : tagOf(from);
    if (tag === undefined) return;
    const dialog = dialogOfClient(request, answer.callId, tag, answer.cseq.number, answer, path, undefined);
    const routed = routeInDialog(dialog);
    const hop = parseUri(routed.nextHop);
    if (typeof hop === 'string') return;
    this.hub.route(hop, (outward) => {
      if (typeof outward === 'string') return;
      for (const [method, cseq] of [['ACK', dialog.localSeq], ['BYE', dialog.localSeq + 1]] as const) {
        const branch = this.ids.branch();
        const message = composeInside({
          method, uri: routed.uri, routes: routed.routes, from: dialog.local, to: dialog.remote, callId: dialog.callId,
          cseq: `${cseq} ${method}`, contact: '', via: this.layer.viaFor(outward, branch),
        }, { headers: [], body: '' }, outward);
        if (typeof message === 'string') continue;
        if (method === 'ACK') outward.send(encodeMessage(message), () => undefined);
        else this.layer.request(message, branch, outward, nobody);
      }
    });
  }
}
