/**
 * What recording clients said of a session, out of all its captures: pure.
 *
 * A wish to keep is never taken back (a client that stops only ends what is copied), so the order in which captures
 * are read means nothing, and a call that shares the session ID cannot discard another's recording. For the same reason
 * the longest retention holds, and keys that one call masks are masked.
 */
import type { CaptureControl } from '../capture/index.js';
import type { CaptureFacts } from './gather.js';

export interface Pause {
  readonly fromMs: number;
  /** Infinity: it lasted to the end. */
  readonly toMs: number;
}

export interface Wishes {
  /** False: nobody asked, in none of the captures that hold anything. */
  readonly keep: boolean;
  /** In order of time. */
  readonly pauses: readonly Pause[];
  readonly said: CaptureControl['said'];
  readonly tags: CaptureControl['tags'];
  readonly retention: NonNullable<CaptureControl['retention']>;
  readonly dtmfMasked: boolean;
  /** Whether the report may say which keys were pressed: one capture says so, and none forbids it. */
  readonly dtmfTold: boolean;
}

export function wishesOf(captures: readonly Pick<CaptureFacts, 'control' | 'fromMs'>[]): Wishes {
  // Killed before its first write, a capture says nothing and holds nothing.
  const written = captures.filter(({ fromMs }) => Number.isFinite(fromMs));
  const controls = written.flatMap(({ control }) => (control === undefined ? [] : [control]));
  const pauses = controls.flatMap((control) => control.pauses.map(({ fromMs, toMs = Number.POSITIVE_INFINITY }) => ({ fromMs, toMs })));
  // Two captures of one call tell the same.
  const said = new Map(controls.flatMap((control) => control.said.map((one) => [`${one.atMs} ${one.command} ${one.by}`, one] as const)));
  // One that says nothing of it, another maker's perhaps, is of the class that needs no words.
  const retentions = written.map(({ control }) => control?.retention ?? standard);
  return {
    keep: written.length === 0 || written.some(({ control }) => control?.keep !== false),
    pauses: pauses.sort((a, b) => a.fromMs - b.fromMs),
    said: [...said.values()].sort((a, b) => a.atMs - b.atMs),
    tags: Object.assign({}, ...controls.map(({ tags }) => tags)) as CaptureControl['tags'],
    retention: retentions.reduce((longest, one) => (isLonger(one, longest) ? one : longest), retentions[0] ?? standard),
    dtmfMasked: controls.some(({ dtmfMasked }) => dtmfMasked === true),
    dtmfTold: controls.some(({ dtmfMasked }) => dtmfMasked === false) && !controls.some(({ dtmfMasked }) => dtmfMasked === true),
  };
}

type Retention = Wishes['retention'];

const standard: Retention = { class: 'standard' };

const endOf = ({ untilMs = Number.POSITIVE_INFINITY }: Retention): number => untilMs;

/** Of two with one end the name decides, whichever capture is read first. */
const isLonger = (one: Retention, other: Retention): boolean => endOf(one) > endOf(other) || (endOf(one) === endOf(other) && one.class < other.class);
