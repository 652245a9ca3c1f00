/**
 * A request on its way to a next hop that may stand at several places (RFC 3263 §4.3): one client
 * transaction after another, each composed anew, for Via, Contact and Record-Route name the place it
 * leaves from.
 *
 * The next place is tried when one can't be reached, when it lets the transaction time out, and on a 503
 * that comes before any other response but 100. What is too large for UDP goes by TCP first where the transport is ours
 * to choose, and by UDP after all when there is no connection to be had (RFC 3261 §18.1.1).
 *
 * Leaves to  its user what responses mean, and the CANCEL; the hub which places fail.
 *
 * Invariant 1: the user hears of responses and failures of one transaction at a time, of the last one its end.
 */
import { encodeMessage } from '../message/encode-message.js';
import { copyOf, headerOf, type RequestText, type SipResponse } from '../message/sip-message.js';
import { parseNumber } from '../message/uri.js';
import type { Path } from '../transport/path.js';
import type { Hop } from '../transport/server-location.js';
import { SHUN_MS } from '../transport/shunned.js';
import type { TransportHub } from '../transport/transport-hub.js';
import type { ClientTransaction, ClientUser } from './client-transaction.js';

/** RFC 3261 §18.1.1, where the path MTU is not known. */
const LARGEST_DATAGRAM = 1_300;

/** How long a place that takes no connection is spared the attempt for large requests. */
const NO_STREAM_MS = 300_000;

export interface Composed {
  readonly request: RequestText;
  /** That of its top Via; new for each path. */
  readonly branch: string;
}

/** Makes the request for a path, or says why it can't be made. */
export type Compose<Reason extends string> = (path: Path) => Composed | Reason;

/** What starts a transaction; undefined when there are too many. */
interface Sender {
  request(request: RequestText, branch: string, path: Path, user: ClientUser, text: string): ClientTransaction | undefined;
}

interface Try extends Composed {
  readonly hop: Hop;
  readonly path: Path;
  /** The request as it is sent; let go when it has been. */
  text: string;
  /** Where to go when no connection can be had for what is too large for UDP. */
  readonly fallback?: Hop;
}

/** The request for the first of the places that there is a path to; takes the places tried off the list. */
function nextTry<Reason extends string>(hub: TransportHub, left: Hop[], compose: Compose<Reason>): Try | Reason | undefined {
  for (;;) {
    const hop = left.shift();
    if (hop === undefined) return undefined;
    const tried = tryAt(hub, hop, compose);
    if (tried === undefined || typeof tried === 'string') {
      if (tried !== undefined) return tried;
      continue;
    }
    if (tried.text.length <= LARGEST_DATAGRAM || !hop.free || hop.protocol !== 'udp') return tried;
    const stream: Hop = { ...hop, protocol: 'tcp' };
    const large = hub.shunned.has(stream) ? undefined : tryAt(hub, stream, compose);
    return large === undefined || typeof large === 'string' ? tried : { ...large, fallback: { ...hop, free: false } };
  }
}

function tryAt<Reason extends string>(hub: TransportHub, hop: Hop, compose: Compose<Reason>): Try | Reason | undefined {
  const path = hub.pathTo(hop);
  if (path === undefined) return undefined;
  const composed = compose(path);
  return typeof composed === 'string' ? composed : { ...composed, hop, path, text: encodeMessage(composed.request) };
}

/** What a Retry-After asks for; undefined without one. */
function retryAfterMs(response: SipResponse): number | undefined {
  const seconds = parseNumber((headerOf(response, 'retry-after') ?? '').split(/[ ;(]/u)[0] ?? '', 0xffff_ffff);
  return seconds === undefined ? undefined : seconds * 1_000;
}

const nothing: ReadonlySet<string> = new Set();

export class HopSearch implements ClientUser {
  #current: Try;
  #transaction: ClientTransaction | undefined;
  #user: ClientUser | undefined;
  #stopped = false;
  /** Whether the place being tried has answered anything; and whether what it said has been passed on. */
  #heard = false;
  #passed = false;

  private constructor(
    private readonly layer: Sender,
    private readonly hub: TransportHub,
    private readonly left: Hop[],
    /** Let go once no further place is tried: it holds on to whatever it composes from. */
    private compose: Compose<string> | undefined,
    first: Try,
  ) {
    this.#current = first;
  }

  /** Composes for the first place that there is a path to, and sends nothing yet. */
  static begin<Reason extends string>(
    layer: Sender, hub: TransportHub, hops: readonly Hop[], compose: Compose<Reason>,
  ): HopSearch | Reason | 'no-transport' {
    const left = [...hops];
    const first = nextTry(hub, left, compose);
    if (first === undefined) return 'no-transport';
    return typeof first === 'string' ? first : new HopSearch(layer, hub, left, compose, first);
  }

  /** The request as it is being tried, or was last. */
  get request(): RequestText {
    return this.#current.request;
  }

  get branch(): string {
    return this.#current.branch;
  }

  get path(): Path {
    return this.#current.path;
  }

  /** Whether a provisional response has come and no final one. */
  get proceeding(): boolean {
    return this.#transaction?.proceeding === true;
  }

  /** Sends it; false when there are too many transactions. */
  start(user: ClientUser): boolean {
    this.#user = user;
    return this.#send();
  }

  /** Sends it without a transaction: whoever sent it to us repeats it, or not. */
  startWithoutState(): void {
    const { path, text } = this.#current;
    path.send(text, () => {
      this.#note();
      if (this.#advance()) this.startWithoutState();
    });
  }

  /** No further place is tried, and `request` stays what it is. */
  stop(): void {
    this.#stopped = true;
  }

  /** It has been answered: of the request, only the headers are kept that are still read. Copies, so that the whole is let go. */
  settle(kept: ReadonlySet<string> = nothing): void {
    this.#stopped = true;
    this.compose = undefined;
    this.left.length = 0;
    const { method, uri, headers } = this.#current.request;
    const left = headers.filter(({ key }) => kept.has(key)).map((each) => ({ ...each, value: copyOf(each.value) }));
    this.#current = { ...this.#current, request: { kind: 'request', method, uri: left.length === 0 ? '' : copyOf(uri), headers: left, body: '' }, text: '' };
  }

  /** Gives it up without telling anybody. */
  abandon(): void {
    this.#stopped = true;
    this.#transaction?.abandon();
  }

  response(response: SipResponse, path: Path): void {
    const { hop } = this.#current;
    const { shunned } = this.hub;
    this.#heard = true;
    if (response.status === 503) {
      const waitMs = retryAfterMs(response);
      if (waitMs !== undefined) shunned.shun(hop, waitMs);
      if (this.#next()) return;
    } else shunned.forgive(hop);
    if (response.status > 100) this.#passed = true;
    if (response.status >= 200) this.left.length = 0;
    this.#user?.response(response, path);
    // Only a 2xx to an INVITE is followed by more that its user has to hear of.
    if (response.status >= 300 || (response.status >= 200 && response.cseq.method !== 'INVITE')) this.#user = undefined;
  }

  timedOut(): void {
    if (!this.#heard) this.hub.shunned.shun(this.#current.hop);
    if (!this.#next()) this.#user?.timedOut();
  }

  unreachable(cause: string): void {
    this.#note();
    if (!this.#next()) this.#user?.unreachable(cause);
  }

  /** The place can't be reached: what was too large for UDP goes by UDP after all. */
  #note(): void {
    const { hop, fallback } = this.#current;
    this.hub.shunned.shun(hop, fallback === undefined ? SHUN_MS : NO_STREAM_MS);
    if (fallback !== undefined) this.left.unshift(fallback);
  }

  /** Goes on to the next place; false when there is none, or no more use in it. */
  #next(): boolean {
    if (this.#stopped || this.#passed) return false;
    const before = this.#current;
    if (!this.#advance()) return false;
    this.#heard = false;
    if (this.#send()) return true;
    this.#current = before;
    return false;
  }

  #advance(): boolean {
    const next = this.compose === undefined ? undefined : nextTry(this.hub, this.left, this.compose);
    if (next === undefined || typeof next === 'string') return false;
    this.#current = next;
    return true;
  }

  #send(): boolean {
    const { request, branch, path, text } = this.#current;
    const transaction = this.layer.request(request, branch, path, this, text);
    if (transaction === undefined) return false;
    this.#transaction = transaction;
    this.#current.text = '';
    return true;
  }
}
