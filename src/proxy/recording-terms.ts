/**
 * On what terms a call is recorded: what the names in a decision mean in this configuration. Pure.
 *
 * The names in rules are checked with the configuration; those that a policy service answers are not, and one that
 * there is not must not cost the recording: the default stands in, and `unknown` says so.
 */
import type { Outcome } from '../policy/index.js';
import type { Member } from '../recorder-pool/index.js';
import type { RecordingControl } from '../sip/index.js';

interface Groups {
  readonly recorder?: string | undefined;
  readonly recorders: Readonly<Record<string, { readonly uris: readonly (string | { readonly uri: string; readonly priority: number })[] }>>;
}
type Classes = Readonly<Record<string, { readonly days?: number | undefined }>>;

/** How a recording is kept, where it goes, and what it does not tell. */
export interface RecordingTerms {
  /** Who may be asked; at least one. */
  readonly members: readonly Member[];
  readonly redundancy: Outcome['recorders']['redundancy'];
  readonly retention: { readonly class: string; readonly untilMs?: number };
  readonly dtmfMasked: boolean;
  /** A sentence for each name that the configuration does not have. */
  readonly unknown: readonly string[];
}

const dayMs = 86_400_000;

/** Undefined: there is no such group. One that gives no priority has that of its place in the list. */
export function groupOf({ recorder, recorders }: Groups, name: string): readonly Member[] | undefined {
  if (Object.hasOwn(recorders, name)) return recorders[name]?.uris.map((member, at) => (typeof member === 'string' ? { uri: member, priority: at + 1 } : member));
  return name === 'default' && recorder !== undefined ? [{ uri: recorder, priority: 1 }] : undefined;
}

/** Each recorder of the configuration. */
export const allMembers = ({ recorder, recorders }: Groups): readonly Member[] =>
  [...new Set(['default', ...Object.keys(recorders)])].flatMap((name) => groupOf({ recorder, recorders }, name) ?? []);

/** Undefined: there is no such class. `standard` needs no words: without any it keeps without an end. */
export function retentionClassOf(classes: Classes, name: string): { readonly days?: number | undefined } | undefined {
  if (Object.hasOwn(classes, name)) return classes[name];
  return name === 'standard' ? {} : undefined;
}

/** @param settings checked before: there is a group `default`. */
export function termsOf({ recorders: { group, redundancy }, retention, dtmfMasked }: Outcome, settings: { readonly recording: Groups; readonly retention: Classes }, startedAtMs: number): RecordingTerms {
  const unknown: string[] = [];
  let members = groupOf(settings.recording, group);
  if (members === undefined) {
    unknown.push(`there is no group "${group}" in recording.recorders, the group default is taken`);
    members = groupOf(settings.recording, 'default') ?? [];
  }
  let [name, kept] = [retention, retentionClassOf(settings.retention, retention)];
  if (kept === undefined) {
    unknown.push(`there is no class "${retention}" in retention, the class standard is taken`);
    [name, kept] = ['standard', retentionClassOf(settings.retention, 'standard')];
  }
  return {
    members: redundancy === 'single' ? members.slice(0, 1) : members,
    redundancy,
    retention: { class: name, ...(kept?.days === undefined ? {} : { untilMs: startedAtMs + kept.days * dayMs }) },
    dtmfMasked,
    unknown,
  };
}

/** What the recorder is to know: what was said of the recording, and the terms; undefined where it would do all that anyway. */
export function wishesOn({ retention, dtmfMasked }: RecordingTerms, said: RecordingControl | undefined): RecordingControl | undefined {
  const ordinary = retention.class === 'standard' && retention.untilMs === undefined && !dtmfMasked;
  if (ordinary) return said;
  return { ...(said ?? { keep: true, pauses: [], said: [], tags: {} }), retention, ...(dtmfMasked ? { dtmfMasked } : {}) };
}
