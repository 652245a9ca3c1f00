/**
 * The dialogs of the calls that run back to back, by the ids their far ends know them by.
 *
 * A party that names another dialog (Replaces, RFC 3891; Join, RFC 3911) names the one it has with us. The
 * party that it is meant for knows only its own: on the way the one becomes the other.
 *
 * Owns       who takes requests in dialogs that are not answered yet; the pairs of answered ones.
 * Leaves to  back-to-back.ts and pass-through.ts what is done with them.
 *
 * Invariant 1: nothing outlives its dialog: early ones are forgotten by whoever entered them, others when they end.
 */
import type { Side } from '../anchor/index.js';
import { onceEnded, onEarlyRequest, dialogIdOf, type SipConnection, type SipDialog, type SipHeaders, type SipRequest, type SipResponse } from '../sip/index.js';

type Handler = (request: SipRequest, response: SipResponse) => void;

/** A dialog of ours: the tag that we gave it, and the far end's. */
type Ids = Pick<SipDialog, 'sip'>['sip'];

const keyOf = ({ callId, localTag, remoteTag }: Ids): string => `${callId} ${localTag} ${remoteTag}`;

/** Headers whose value names a dialog as its receiver knows it: `call-id;to-tag=…;from-tag=…`. */
const naming = ['replaces', 'join'];

export class RunningDialogs {
  readonly #early = new Map<string, Handler>();
  /** Of each dialog the one on the other side of its call. */
  readonly #others = new Map<string, Ids>();

  constructor(srf: Connection) {
    onEarlyRequest(srf, (request, response) => {
      const handler = this.#early.get(dialogIdOf(request));
      handler?.(request, response);
      return handler !== undefined;
    });
  }

  /** Dialogs of answered calls. */
  get size(): number {
    return this.#others.size;
  }

  early(dialogId: string, handler: Handler): void {
    if (dialogId !== '') this.#early.set(dialogId, handler);
  }

  forgetEarly(dialogId: string): void {
    this.#early.delete(dialogId);
  }

  answered(dialogs: Readonly<Record<Side, SipDialog>>): void {
    this.#pair(dialogs.caller, dialogs.callee);
    this.#pair(dialogs.callee, dialogs.caller);
  }

  #pair(dialog: SipDialog, other: SipDialog): void {
    const key = keyOf(dialog.sip);
    this.#others.set(key, other.sip);
    onceEnded(dialog, () => this.#others.delete(key));
  }

  /** The headers of a request as its receiver is to have them. */
  translate(headers: SipHeaders): SipHeaders {
    return Object.fromEntries(
      Object.entries(headers).map(([name, value]) => {
        const lower = name.toLowerCase();
        if (naming.includes(lower)) return [name, this.#translateDialog(value)];
        return [name, lower === 'refer-to' ? this.#translateReferTo(value) : value];
      }),
    );
  }

  /** The Replaces in the URI of a Refer-To (RFC 3891 §6), escaped there. */
  #translateReferTo(value: string): string {
    return value.replace(/([?&](?:Replaces|Join)=)([^&>\s]*)/gi, (whole, head: string, escaped: string) => {
      const named = unescaped(escaped);
      const translated = named === undefined ? undefined : this.#translateDialog(named);
      return translated === undefined || translated === named ? whole : head + encodeURIComponent(translated);
    });
  }

  /** Unchanged when it names no dialog of ours: one of others, or one that has been translated already. */
  #translateDialog(value: string): string {
    const [callId = '', ...parameters] = value.split(';').map((part) => part.trim());
    const tagOf = (name: string): string => parameters.find((each) => each.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
    // As if we were its receiver: `to-tag` is ours, `from-tag` the far end's (RFC 3891 §3).
    const other = this.#others.get(keyOf({ callId, localTag: tagOf('to-tag'), remoteTag: tagOf('from-tag') }));
    if (other === undefined) return value;
    const rest = parameters.filter((each) => !/^(?:to|from)-tag=/i.test(each));
    return [other.callId, `to-tag=${other.remoteTag}`, `from-tag=${other.localTag}`, ...rest].join(';');
  }
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

type Connection = SipConnection['srf'];

const ofConnections = new WeakMap<Connection, RunningDialogs>();

/** Those of the calls that go by one connection to the edge. */
export function runningDialogsOf(srf: Connection): RunningDialogs {
  let running = ofConnections.get(srf);
  if (running === undefined) {
    running = new RunningDialogs(srf);
    ofConnections.set(srf, running);
  }
  return running;
}
