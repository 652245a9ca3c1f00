/**
 * The dialogs that exist, found by what the wire and the application call them.
 *
 * Invariant 1: a dialog is in all three indexes or in none; `ended` says which.
 * Invariant 2: at most `maxDialogs` exist; `full` says so before one is made.
 */
import type { Dialog } from './dialog.js';

const MAX_DIALOGS = 50_000;

const tagsOf = (callId: string, localTag: string, remoteTag: string): string => `${callId} ${localTag} ${remoteTag}`;

export class DialogStore<Owner> {
  readonly #byTags = new Map<string, Dialog<Owner>>();
  readonly #byId = new Map<string, Dialog<Owner>>();
  readonly #byCallId = new Map<string, Set<Dialog<Owner>>>();

  constructor(private readonly maxDialogs = MAX_DIALOGS) {}

  /** Of the largest index: by invariant 1 that of the tags. */
  get size(): number {
    return Math.max(this.#byTags.size, this.#byId.size, this.#byCallId.size);
  }

  get full(): boolean {
    return this.size >= this.maxDialogs;
  }

  add(dialog: Dialog<Owner>): void {
    const tags = tagsOf(dialog.callId, dialog.localTag, dialog.remoteTag);
    // A peer that uses its tags twice has given up the dialog that had them.
    const before = this.#byTags.get(tags);
    if (before !== undefined) this.remove(before);
    this.#byTags.set(tags, dialog);
    this.#byId.set(dialog.id, dialog);
    const siblings = this.#byCallId.get(dialog.callId);
    if (siblings === undefined) this.#byCallId.set(dialog.callId, new Set([dialog]));
    else siblings.add(dialog);
  }

  /** Makes a dialog the one its id names, where forking made several. */
  prefer(dialog: Dialog<Owner>): void {
    if (this.find(dialog.callId, dialog.localTag, dialog.remoteTag) === dialog) this.#byId.set(dialog.id, dialog);
  }

  remove(dialog: Dialog<Owner>): void {
    if (dialog.ended) return;
    dialog.ended = true;
    const tags = tagsOf(dialog.callId, dialog.localTag, dialog.remoteTag);
    if (this.#byTags.get(tags) === dialog) this.#byTags.delete(tags);
    if (this.#byId.get(dialog.id) === dialog) this.#byId.delete(dialog.id);
    const siblings = this.#byCallId.get(dialog.callId);
    siblings?.delete(dialog);
    if (siblings?.size === 0) this.#byCallId.delete(dialog.callId);
    dialog.offered = undefined;
    dialog.release();
  }

  /** The dialog of a message from the peer. */
  find(callId: string, localTag: string, remoteTag: string): Dialog<Owner> | undefined {
    return this.#byTags.get(tagsOf(callId, localTag, remoteTag));
  }

  findById(id: string): Dialog<Owner> | undefined {
    return this.#byId.get(id);
  }

  findByCallId(callId: string, owner: Owner): Dialog<Owner> | undefined {
    for (const dialog of this.#byCallId.get(callId) ?? []) if (dialog.owner === owner) return dialog;
    return undefined;
  }

  /** Every dialog of a Call-ID. */
  ofCall(callId: string): Dialog<Owner>[] {
    return [...(this.#byCallId.get(callId) ?? [])];
  }

  /** What belongs to an owner; looks at every dialog. */
  ownedBy(owner: Owner): Dialog<Owner>[] {
    return [...this.#byTags.values()].filter((dialog) => dialog.owner === owner);
  }
}
