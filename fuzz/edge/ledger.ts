/**
 * What is owed, and whether it was paid: one kind of final response to each INVITE that was taken, one
 * answer to each command of an application.
 */
import { parseMessage } from '../../src/edge/message/parse-message.js';
import { headerOf, type SipMessage, type SipRequest } from '../../src/edge/message/sip-message.js';

interface Invite {
  readonly text: string;
  readonly callId: string;
  final: number | undefined;
  /** What it was paid with had been sent before: it may have been late, for another that went by its branch. */
  unsure: boolean;
}

/** The INVITE that a message belongs to, by what RFC 3261 §17.2.3 matches on. */
const keyOf = ({ via, callId, fromTag, cseq }: SipMessage): string =>
  via.branch.startsWith('z9hG4bK') && via.branch !== 'z9hG4bK'
    ? `${via.branch} ${via.host} ${via.port ?? 5060}`
    : `${callId} ${fromTag} ${cseq.number} ${via.host} ${via.port ?? 5060}`;

export class Ledger {
  readonly #invites = new Map<string, Invite>();
  /** Commands by message id: the application they came from, undefined once answered. */
  readonly #commands = new Map<string, object | undefined>();
  /** The final responses that have gone out, whole. */
  readonly #finals = new Set<string>();
  readonly #wrong: string[] = [];
  /** What the INVITE that is being received has been answered so far. */
  #arriving: { readonly key: string | undefined; readonly statuses: number[] } | undefined;
  invites = 0;

  /** A message is about to be received: an INVITE that the parser takes, or what may only look like one. */
  arriving(request: SipRequest | undefined): void {
    this.#arriving = { key: request === undefined ? undefined : keyOf(request), statuses: [] };
  }

  /** What has been received was no INVITE: if it got a response all the same, nobody's was meant. */
  notArrived(): void {
    this.#arriving = undefined;
  }

  /** The INVITE has been received; `grown` when there is one transaction more, `full` when for want of room an old one may have ended for it, `unheard` when it need not be answered. */
  arrived(request: SipRequest, text: string, { grown, full, unheard }: { readonly grown: boolean; readonly full: boolean; readonly unheard: boolean }): void {
    const { key, statuses } = this.#arriving ?? { key: undefined, statuses: [] };
    this.#arriving = undefined;
    if (key === undefined) return;
    const known = this.#invites.get(key);
    const over = known === undefined || known.final !== undefined;
    // Where the count does not tell, a 100 does, and any answer but a refusal to what was not known.
    const isNew = grown || (full && over && statuses.some((status) => status === 100 || (known === undefined && status !== 503)));
    if (isNew) {
      if (known !== undefined && known.final === undefined) this.#wrong.push(`an INVITE was forgotten without a final response: ${known.text}`);
      this.#invites.set(key, { text, callId: request.callId, final: undefined, unsure: false });
      this.invites += 1;
    } else if (over) {
      // Without a transaction it is one again, was refused for want of room, or runs through in a dialog of others.
      const passed = request.toTag !== '' && headerOf(request, 'route') !== undefined;
      if (known === undefined && !passed && !unheard && statuses.length === 0) this.#wrong.push(`an INVITE was swallowed: ${text}`);
      if (passed || full || statuses.every((status) => status === 503)) return;
    }
    for (const status of statuses) this.#pay(key, status);
  }

  /** A response to an INVITE has gone out. */
  responded(text: string): void {
    const response = parseMessage(text);
    if (typeof response === 'string' || response.kind === 'request' || response.cseq.method !== 'INVITE') return;
    const key = keyOf(response);
    const again = this.#finals.has(text);
    if (response.status >= 200) this.#finals.add(text);
    if (this.#arriving !== undefined && (this.#arriving.key ?? key) === key) this.#arriving.statuses.push(response.status);
    // With another Call-ID it is none of ours: it only ran through, by a Via that is not its own.
    else if (this.#invites.get(key)?.callId === response.callId) this.#pay(key, response.status, again);
  }

  /** `again`: the very response has gone out before. */
  #pay(key: string, status: number, again = false): void {
    if (status < 200) return;
    const invite = this.#invites.get(key);
    if (invite === undefined) return;
    const was = invite.final;
    if (was === undefined || (invite.unsure && !again)) {
      invite.final = status;
      invite.unsure = again;
    } else if (!again && was !== status && !(was < 300 && status < 300)) this.#wrong.push(`an INVITE got ${was} and then ${status}: ${invite.text}`);
  }

  asked(messageId: string, application: object): void {
    this.#commands.set(messageId, application);
  }

  answered(messageId: string, isLast: boolean): void {
    if (!this.#commands.has(messageId)) return;
    if (this.#commands.get(messageId) === undefined) this.#wrong.push(`command ${messageId} was answered twice`);
    else if (isLast) this.#commands.set(messageId, undefined);
  }

  /** The application has disconnected: nothing is owed to it. */
  gone(application: object): void {
    for (const [id, from] of this.#commands) if (from === application) this.#commands.delete(id);
  }

  /** The first thing found wrong as it happened. */
  get wrong(): string | undefined {
    return this.#wrong[0];
  }

  /** What is still owed when nothing is under way any more. */
  owed(): string | undefined {
    for (const invite of this.#invites.values()) if (invite.final === undefined) return `an INVITE never got a final response: ${invite.text}`;
    for (const [id, from] of this.#commands) if (from !== undefined) return `command ${id} was never answered`;
    return undefined;
  }

  clear(): void {
    this.#invites.clear();
    this.#commands.clear();
    this.#finals.clear();
    this.#wrong.length = 0;
  }
}
