/**
 * What the parties ask of each other while the callee has not answered: PRACK of reliable provisional
 * responses (RFC 3262), UPDATE (RFC 3311), and whatever else comes in an early dialog.
 *
 * Owns       which provisional response of the callee a PRACK of the caller is for: each side counts its own.
 * Leaves to  back-to-back.ts the INVITE and its responses.
 */
import { otherSide, type Side } from '../anchor/index.js';
import { Failure } from '../errors/index.js';
import {
  headersWithBody, replaceHeaders, replaceSdp, requestWithin, sdpIn, type DialogReach, type DialogResponse, type InDialogRequest, type SipHeaders, type SipRequest, type SipResponse,
} from '../sip/index.js';
import type { Turns } from './turns.js';

/** A callee that sends more before it is acknowledged is not after an answer. */
const unacknowledgedLimit = 32;

export interface EarlyRequestsOptions {
  /** What each side has sent before goes on before. */
  readonly turns: Readonly<Record<Side, Turns>>;
  readonly exchange: (from: Side, sdp: string) => Promise<string>;
  readonly translate: (headers: SipHeaders) => SipHeaders;
  /** The caller has ended the early dialog (RFC 3261 §15). */
  readonly onBye: (bye: SipRequest) => void;
}

export class EarlyRequests {
  readonly #options: EarlyRequestsOptions;
  readonly #reach: Partial<Record<Side, DialogReach>> = {};
  /** By the RSeq that the caller was told. */
  readonly #unacknowledged = new Map<string, SipResponse>();
  #whenAcknowledged: (() => void) | undefined;

  constructor(options: EarlyRequestsOptions) {
    this.#options = options;
  }

  /** There is an early dialog with that side. */
  reach(side: Side, reach: DialogReach): void {
    this.#reach[side] = reach;
  }

  /** A reliable response of the callee went on to the caller, numbered `rseq` there. */
  expectPrack(rseq: string, ringing: SipResponse): void {
    if (this.#unacknowledged.size < unacknowledgedLimit) this.#unacknowledged.set(rseq, ringing);
  }

  /** Resolves when the caller has acknowledged all, or has taken too long to. */
  async acknowledged(withinMs: number): Promise<void> {
    if (this.#unacknowledged.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#whenAcknowledged = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  take(from: Side, request: SipRequest, response: SipResponse): void {
    const refuse = (error: unknown): void => {
      if (!response.finalResponseSent) response.send(error instanceof Failure && error.code === 'SIP_TIMEOUT' ? 408 : 500);
    };
    if (request.method === 'BYE' && from === 'caller') {
      response.send(200);
      this.#options.onBye(request);
      return;
    }
    let headers = this.#options.translate(headersWithBody(request));
    if (request.method === 'PRACK' && from === 'caller') {
      const ringing = this.#acknowledge(request);
      if (ringing === undefined) {
        response.send(481);
        return;
      }
      headers = replaceHeaders(headers, { RAck: rackOf(ringing) });
    }
    this.#options.turns[from]
      .take(async () => {
        const body = await this.#exchange(from, request);
        this.#pass(from, { method: request.method, headers, body }, response).catch(refuse);
      })
      .catch(refuse);
  }

  async #pass(from: Side, request: InDialogRequest, response: SipResponse): Promise<void> {
    const to = otherSide(from);
    const reach = this.#reach[to];
    if (reach === undefined) {
      response.send(500, { headers: { 'Retry-After': '1' } });
      return;
    }
    let passed: Promise<void> | undefined;
    const onFinal = ({ status, reason, message }: DialogResponse): void => {
      passed = this.#options.turns[to].take(async () => response.send(status, reason, { headers: headersWithBody(message), body: await this.#exchange(to, message) }));
    };
    await requestWithin(reach, { ...request, onFinal }, (update, itsResponse) => this.take(to, update, itsResponse));
    await passed;
  }

  /** The provisional response that a PRACK of the caller is for. */
  #acknowledge(prack: SipRequest): SipResponse | undefined {
    const [rseq = ''] = (prack.has('rack') ? prack.get('rack') : '').trim().split(/\s+/);
    const ringing = this.#unacknowledged.get(rseq);
    this.#unacknowledged.delete(rseq);
    if (this.#unacknowledged.size === 0) this.#whenAcknowledged?.();
    return ringing;
  }

  async #exchange(from: Side, message: SipRequest | SipResponse): Promise<string> {
    const type = message.has('content-type') ? message.get('content-type') : undefined;
    const sdp = sdpIn(type, message.body);
    return sdp === '' ? message.body : replaceSdp(type, message.body, await this.#options.exchange(from, sdp));
  }
}

/** RFC 3262 §7.2: its own RSeq, and the CSeq of the INVITE. */
const rackOf = (ringing: SipResponse): string => `${ringing.get('rseq')} ${ringing.get('cseq')}`;

