/**
 * What the parties of a call say of its recording by SIP and by keys.
 *
 * Owns       the keys pressed so far.
 * Leaves to  sip-commands.ts and dtmf-matcher.ts what is meant; CallControl whether it is done.
 */
import type { DigitListener, Side } from '../anchor/index.js';
import type { SipRequest, SipResponse } from '../sip/index.js';
import type { CallControl } from './call-control.js';
import { DtmfMatcher, saysAnything, type KeySequences } from './dtmf-matcher.js';
import { commandOf, keyOf } from './sip-commands.js';

export interface SipControlOptions {
  readonly dtmf: KeySequences;
  /** Sides whose headers are obeyed. */
  readonly obeys: readonly Side[];
  readonly control: () => CallControl;
  /** Unix ms. */
  readonly now: () => number;
}

export class SipControl {
  readonly #options: SipControlOptions;
  readonly #matchers: Readonly<Record<Side, DtmfMatcher>> | undefined;

  constructor(options: SipControlOptions) {
    this.#options = options;
    this.#matchers = saysAnything(options.dtmf) ? { caller: new DtmfMatcher(options.dtmf), callee: new DtmfMatcher(options.dtmf) } : undefined;
  }

  /** Undefined when no keys mean anything: then nobody need look for them in the media. */
  get listener(): DigitListener | undefined {
    return this.#matchers === undefined ? undefined : (side, key) => this.#press(side, key);
  }

  /** Obeys what the headers of a request say, if its side may say it. */
  look(side: Side, request: SipRequest): { readonly said: boolean; readonly refused?: string } {
    const command = this.#options.obeys.includes(side) ? commandOf(request) : undefined;
    if (command === undefined) return { said: false };
    if (command === 'unknown') return { said: true, refused: 'say start, stop, pause or resume' };
    const { refused } = this.#options.control().command({ command }, 'sip', `sip ${side}`);
    return { said: true, ...(refused === undefined ? {} : { refused }) };
  }

  /** The same for a request inside the call, and its keys; true when it was meant for us alone, and has been answered. */
  answer(side: Side, request: SipRequest, response: SipResponse): boolean {
    const { said, refused } = this.look(side, request);
    if (request.method !== 'INFO') return false;
    const key = this.#matchers === undefined || !request.has('content-type') ? undefined : keyOf(request.get('content-type'), request.body);
    if (key !== undefined) this.#press(side, key);
    if (!said || request.body !== '') return false;
    if (refused === undefined) response.send(200, { headers: { 'X-Recording': this.#options.control().state } });
    else response.send(403, { headers: { Warning: `399 twintrack "${refused.replaceAll('"', "'")}"` } });
    return true;
  }

  #press(side: Side, key: string): void {
    const command = this.#matchers?.[side].press(key, this.#options.now());
    if (command !== undefined) this.#options.control().command({ command }, 'dtmf', `dtmf ${side}`);
  }
}
