/**
 * What drachtio-fsmrf knows of an endpoint that is being made: the SIP dialog, and the connection that FreeSWITCH makes
 * back for it, whichever comes first.
 *
 * drachtio-fsmrf 4.1 waits four seconds for that connection, then ends the dialog without looking at what comes of that:
 * when the edge is not there at that moment, nobody takes the rejection, and the process ends. So its timer never runs
 * here; whoever asked for the endpoint gives it up, and whatever becomes of it later is hung up.
 */
import type Srf from 'drachtio-srf';
import { hangUp } from '../../sip/index.js';

/** By the ID that drachtio-fsmrf gave it. */
export type PendingEndpoints = Map<string, object>;

export class PendingEndpoint {
  /** Set and read by drachtio-fsmrf. */
  conn: unknown;
  fn: unknown;
  #dialog: Srf.Dialog | undefined;
  #givenUp = false;

  /** Takes the place of what drachtio-fsmrf has just noted: that is the last, since it notes it before it waits for anything. */
  static ofLast(pending: PendingEndpoints): PendingEndpoint | undefined {
    const id = [...pending.keys()].at(-1);
    if (id === undefined) return undefined;
    const endpoint = new PendingEndpoint(() => pending.delete(id));
    pending.set(id, endpoint);
    return endpoint;
  }

  private constructor(private readonly forget: () => void) {}

  get dialog(): Srf.Dialog | undefined {
    return this.#dialog;
  }

  set dialog(dialog: Srf.Dialog | undefined) {
    this.#dialog = dialog;
    if (this.#givenUp) this.#end();
  }

  set connTimeout(timer: NodeJS.Timeout) {
    clearTimeout(timer);
  }

  /** Nobody waits for it any more. */
  giveUp(): void {
    this.#givenUp = true;
    this.#end();
  }

  #end(): void {
    const dialog = this.#dialog;
    // Its INVITE has no answer yet: if there ever is one, it comes here.
    if (dialog === undefined) return;
    this.#dialog = undefined;
    this.forget();
    hangUp(dialog).catch(() => undefined);
  }
}
