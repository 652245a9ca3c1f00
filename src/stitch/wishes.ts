/**
 * What recording clients said of a session, out of all its captures: pure.
 *
 * A wish to keep is never taken back (a client that stops only ends what is copied), so the order in which captures
 * are read means nothing, and a call that shares the session ID cannot discard another's recording.
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
}

export function wishesOf(captures: readonly Pick<CaptureFacts, 'control' | 'fromMs'>[]): Wishes {
  // Killed before its first write, a capture says nothing and holds nothing.
  const written = captures.filter(({ fromMs }) => Number.isFinite(fromMs));
  const controls = written.flatMap(({ control }) => (control === undefined ? [] : [control]));
  const pauses = controls.flatMap((control) => control.pauses.map(({ fromMs, toMs = Number.POSITIVE_INFINITY }) => ({ fromMs, toMs })));
  // Two captures of one call tell the same.
  const said = new Map(controls.flatMap((control) => control.said.map((one) => [`${one.atMs} ${one.command} ${one.by}`, one] as const)));
  return {
    keep: written.length === 0 || written.some(({ control }) => control?.keep !== false),
    pauses: pauses.sort((a, b) => a.fromMs - b.fromMs),
    said: [...said.values()].sort((a, b) => a.atMs - b.atMs),
    tags: Object.assign({}, ...controls.map(({ tags }) => tags)) as CaptureControl['tags'],
  };
}
