/**
 * One request being proxied: its targets one after the other or all at once, and what the caller
 * and the application are told (RFC 3261 §16.7).
 *
 * Owns       the branches and the choice among their responses; with `failoverMs`, whether there is a next one.
 * Leaves to  the server transaction the way back; proxy-branch each target.
 *
 * Invariant 1: the caller gets exactly one final response, except that each 2xx to INVITE is forwarded.
 * Invariant 2: the application hears `done` exactly once.
 */
import type { Application } from '../app/application.js';
import { takeRoute } from '../dialog/route-set.js';
import { encodeMessage, header } from '../message/encode-message.js';
import type { Header, SipResponse } from '../message/sip-message.js';
import { phraseOf, type OwnStatus } from '../message/statuses.js';
import { parseUri } from '../message/uri.js';
import { makeResponse } from '../transaction/make-response.js';
import type { ServerTransaction } from '../transaction/server-transaction.js';
import type { Path } from '../transport/path.js';
import type { Hop } from '../transport/server-location.js';
import { BestResponse } from './best-response.js';
import type { Target } from './challenges.js';
import { forwardRequest, nextMaxForwards, recordRoutes, responseBack } from './forward-request.js';
import { MAX_TARGETS, type ProxyCommand } from './proxy-command.js';
import { ProxyBranch, type BranchUser } from './proxy-branch.js';
import type { ProxyContext } from './proxy-context.js';
import { redirectedTo } from './redirect.js';

/** For targets that ring on when another has answered (RFC 3326, RFC 3261 §16.7 step 10). */
const ELSEWHERE = header('Reason', 'SIP;cause=200;text="Call completed elsewhere"');

const finished: ProxyCommand = {
  recordRoute: false, fullResponse: false, followRedirects: false, simultaneous: false, provisionalMs: undefined, finalMs: undefined, targets: [],
  failoverMs: undefined, retarget: false, headers: [], strip: [],
};

export class ProxySession implements BranchUser {
  readonly #queue: Target[];
  readonly #branches = new Map<ProxyBranch, Target>();
  /** Every target so far, once there was a redirect: nobody is asked twice because they go in a circle (RFC 3261 §16.5). */
  #known: Set<string> | undefined;
  /** Lookups under way: targets that are neither queued nor branches yet. */
  #resolving = 0;
  #tried = 0;
  #best = new BestResponse();
  readonly #beganAt: number;
  /** A provisional response above 100 went back. */
  #heard = false;
  #answered = false;
  #stopped = false;
  #reported = false;
  #everSent = false;
  #left = false;

  constructor(
    private readonly context: ProxyContext,
    private readonly application: Application,
    private messageId: string,
    readonly transaction: ServerTransaction,
    private command: ProxyCommand,
    /** What branches carry, to know a loop by. */
    private readonly digest: string,
    private readonly over: () => void,
  ) {
    this.#beganAt = context.environment.clock.now();
    const asked = context.challenges.answeredBy(transaction.request);
    this.#queue = asked === undefined ? command.targets.map((uri) => ({ uri, redirected: false })) : [asked];
  }

  start(): void {
    this.#advance();
  }

  /** The caller cancelled: it is answered at once, the targets as each can be. */
  cancel(reason: readonly Header[]): void {
    this.#stop(reason);
    this.#answerAndTell(487);
    if (!this.#busy) this.#finish();
  }

  branchResponse(branch: ProxyBranch, response: SipResponse, path: Path): void {
    if (response.status < 200) {
      // Its time was over, and another is tried.
      if (this.command.failoverMs !== undefined && !this.#branches.has(branch)) return;
      this.#heard = true;
      if (!this.#answered) this.transaction.respond(response.status, encodeMessage(responseBack(this.transaction.request, response)));
      return;
    }
    this.#report(branch, response, path);
    if (response.status < 300) this.#success(branch, response, path);
    else {
      const target = this.#branches.get(branch);
      if (target === undefined) return;
      this.#branches.delete(branch);
      this.#failure(response, target);
      this.#advance();
    }
  }

  branchFailed(branch: ProxyBranch): void {
    this.#branches.delete(branch);
    this.#failOver(undefined);
    this.#advance();
  }

  branchSilent(branch: ProxyBranch): void {
    // Nobody waits for it any more; only a 2xx that it sends all the same is still heard.
    this.#branches.delete(branch);
    this.#failOver(undefined);
    this.#advance();
  }

  get #isInvite(): boolean {
    return this.transaction.request.method === 'INVITE';
  }

  get #busy(): boolean {
    return this.#branches.size > 0 || this.#resolving > 0;
  }

  /** Starts what can be started; when nothing is left, answers with the best there is. */
  #advance(): void {
    while (!this.#stopped && this.#queue.length > 0 && (this.command.simultaneous || !this.#busy)) {
      const target = this.#queue.shift();
      if (target !== undefined) this.#try(target);
    }
    if (this.#busy) return;
    if (!this.#answered) {
      const best = this.#best.get();
      if (best !== undefined) this.#forward(best);
      else if (this.#everSent) this.#timeOut();
      else this.#answer(500);
    }
    this.#finish();
  }

  #try(target: Target): void {
    const hop = parseUri(target.uri);
    if (typeof hop === 'string' || this.#tried >= MAX_TARGETS) return;
    this.#tried += 1;
    this.#resolving += 1;
    let sync = true;
    const { uri } = takeRoute(this.transaction.request, (text) => this.context.hub.isOwnUri(text));
    // RFC 3261 §16.6 step 7: what is for a sips URI goes by TLS wherever the target is.
    const secured = this.#forwardedUri(target, uri).startsWith('sips:') ? { ...hop, scheme: 'sips' as const } : hop;
    this.context.hub.hops(secured, (hops) => {
      this.#resolving -= 1;
      if (typeof hops !== 'string' && !this.#stopped) this.#send(target, hops);
      if (!sync) this.#advance();
    });
    sync = false;
  }

  /** `asked` is the Request-URI that came, unless it was the proxy's own. */
  #forwardedUri(target: Target, asked: string): string {
    return target.redirected || this.command.retarget || this.context.hub.isOwnUri(asked) ? target.uri : asked;
  }

  #send(target: Target, hops: readonly Hop[]): void {
    const { context, command, transaction } = this;
    const { request } = transaction;
    const left = takeRoute(request, (text) => context.hub.isOwnUri(text));
    const search = context.layer.along<never>(hops, (path) => {
      const branch = context.newBranch(this.digest);
      const forwarded = forwardRequest(request, {
        uri: this.#forwardedUri(target, left.uri),
        via: context.layer.viaFor(path, branch),
        maxForwards: nextMaxForwards(request) ?? 0,
        recordRoutes: command.recordRoute ? recordRoutes(transaction.path, path) : [],
        routes: left.routes,
        extra: command.headers,
        strip: command.strip,
      }, path);
      return { request: forwarded, branch };
    });
    if (search === 'no-transport') return;
    const branch = new ProxyBranch(context, this, search);
    if (!branch.send(command.provisionalMs, command.finalMs)) return;
    this.#branches.set(branch, target);
    if (this.#isInvite) context.facts.attempted('application', search.request);
    if (!this.#everSent && !command.fullResponse) this.#done();
    this.#everSent = true;
  }

  #success(branch: ProxyBranch, response: SipResponse, path: Path): void {
    this.#branches.delete(branch);
    const isInvite = this.#isInvite;
    if (this.#answered && !this.transaction.accepted) {
      // The caller has been told that the call is over; so must the one who answered it.
      if (isInvite && branch.request !== undefined) this.context.endCall(branch.request, response, path);
      if (!this.#busy) this.#finish();
      return;
    }
    if (!this.#answered) this.#forward(response);
    else if (isInvite) this.transaction.respond(response.status, encodeMessage(responseBack(this.transaction.request, response)));
    branch.settle();
    this.#stop([ELSEWHERE]);
    this.#done();
    if (!this.#busy) this.#finish();
  }

  /** Lets go of the targets that are left, unless this one failed in a way that another may mend, and in time; the last word counts. */
  #failOver(response: SipResponse | undefined): void {
    const { failoverMs } = this.command;
    if (failoverMs === undefined) return;
    this.#best = new BestResponse();
    const failed = response === undefined || response.status === 503 || response.status === 408;
    if (!failed || this.#heard || this.context.environment.clock.now() - this.#beganAt >= failoverMs) this.#queue.length = 0;
  }

  #failure(response: SipResponse, target: Target): void {
    const { status } = response;
    this.#failOver(response);
    if (this.command.followRedirects && status < 400 && this.#tried < MAX_TARGETS) {
      const known = (this.#known ??= new Set(this.command.targets));
      const next = redirectedTo(response).filter(({ uri }) => !known.has(uri));
      for (const { uri } of next) known.add(uri);
      this.#queue.unshift(...next);
      if (next.length > 0) return;
    }
    this.#best.add(response);
    if (status === 401 || status === 407) this.context.challenges.remember(response, target);
    // A 6xx speaks for everybody; a challenge has to be answered first.
    if (status >= 600 || status === 401 || status === 407) this.#stop([]);
  }

  #stop(reason: readonly Header[]): void {
    this.#stopped = true;
    this.#queue.length = 0;
    for (const branch of this.#branches.keys()) branch.cancel(reason);
  }

  /** Nobody has answered. */
  #timeOut(): void {
    if (this.transaction.request.method !== 'INVITE') {
      this.#leave();
      return;
    }
    this.#answerAndTell(408);
  }

  /**
   * A 408 to anything but INVITE comes too late to be of use, and must not be sent (RFC 4320 §4.2). The
   * transaction stays until its sender has given up as well, to swallow what that repeats.
   */
  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    const { running, environment } = this.context;
    const leaving = {
      stop: environment.clock.after(64 * environment.timing.t1Ms, () => {
        running.delete(leaving);
        this.transaction.abandon();
      }),
    };
    running.add(leaving);
  }

  #forward(response: SipResponse): void {
    if (response.status === 408 && !this.#isInvite) {
      this.#leave();
      return;
    }
    this.#respond(response.status, encodeMessage(responseBack(this.transaction.request, response)));
  }

  #answer(status: OwnStatus): void {
    if (this.#answered) return;
    this.#respond(status, encodeMessage(makeResponse(this.transaction.request, status, phraseOf(status), this.context.newTag())));
  }

  /** An application that has us fail over learns of our own answers too: the last word would else seem to be a target's. */
  #answerAndTell(status: OwnStatus): void {
    const answered = this.#answered;
    this.#answer(status);
    const { request, path } = this.transaction;
    if (!answered && this.command.failoverMs !== undefined) this.#tell(encodeMessage(makeResponse(request, status, phraseOf(status), undefined)), path);
  }

  #respond(status: number, text: string): void {
    this.#answered = true;
    this.transaction.respond(status, text);
    if (this.#isInvite) this.context.facts.answered('application', 'proxy-uas', status, text);
  }

  #report(branch: ProxyBranch, response: SipResponse, path: Path): void {
    // A 2xx that comes again is of a branch that has gone from the list.
    if (this.#isInvite && this.#branches.has(branch)) this.context.facts.answered('network', 'proxy-uac', response.status, response);
    if (this.command.failoverMs === undefined || this.#branches.has(branch)) this.#tell(encodeMessage(response), path);
  }

  #tell(text: string, path: Path): void {
    if (!this.command.fullResponse || this.#reported) return;
    this.application.proxied(
      this.messageId,
      { source: 'network', protocol: path.protocol, address: path.address, port: path.port, transactionId: '', dialogId: '' },
      text,
    );
  }

  #done(): void {
    if (this.#reported) return;
    this.#reported = true;
    this.application.answer(this.messageId, 'OK', 'done');
  }

  #finish(): void {
    if (!this.#everSent && !this.#reported) {
      this.#reported = true;
      this.application.fail(this.messageId, 'error proxying request to ');
    }
    this.#done();
    this.transaction.settle();
    // What is left only passes a repeated 2xx on, and for that needs nothing of what was asked.
    this.messageId = '';
    this.command = finished;
    this.over();
  }
}
