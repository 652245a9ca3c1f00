/**
 * The search for a recorder: who of the group is asked, in which order, and why none took the session.
 *
 * Leaves to  recorder-pool/ who is well; recording-client.ts the asking, and what follows.
 */
import { Failure, messageOf } from '../errors/index.js';
import type { Clock, Member, RecorderPool } from '../recorder-pool/index.js';
import { tryInTurn } from './failover.js';
import { retryAfterOf, sparesRecorder } from './recorder-faults.js';

export interface RecorderSearch {
  /** At least one. */
  readonly members: readonly Member[];
  readonly pool: Pick<RecorderPool, 'choose' | 'failed'>;
  /** Recorders that have this call already, by another fork: asked last, or not at all. */
  readonly elsewhere?: { readonly uris: () => readonly string[]; readonly asked: 'last' | 'never' } | undefined;
  readonly sessionId: string;
  readonly withinMs: number;
  readonly clock: Pick<Clock, 'now'>;
  /** One did not take the session, and another is asked. */
  readonly onRecorderFailed: (reason: string) => void;
}

export interface SearchInVain {
  /** What became of each. */
  readonly reason: string;
  /** Whether one of them may take it later. */
  readonly mayMend: boolean;
}

/**
 * One recorder after the other, whatever it has against the session: another may not have it.
 *
 * @param left it had the session, and is not asked; why it has not any more
 * @param ask resolves when the recorder has the session
 * @returns undefined when one has it, or the search was over before
 */
export async function searchRecorder(
  search: RecorderSearch,
  left: { readonly recorder: string; readonly reason: string } | undefined,
  over: () => boolean,
  ask: (recorder: string) => Promise<void>,
): Promise<SearchInVain | undefined> {
  const { pool, members, sessionId, withinMs, clock, onRecorderFailed } = search;
  const chosen = pool.choose(members, sessionId);
  const hops = inOrder(search, chosen.ask, left?.recorder);
  const reasons = [...(left === undefined || !chosen.ask.includes(left.recorder) ? [] : [left.reason]), ...chosen.spared.map(({ reason }) => reason)];
  let mayMend = reasons.length > 0 || hops.length < chosen.ask.length;
  const failed = (recorder: string, error: unknown): void => {
    const reason = messageOf(error);
    reasons.push(reason);
    if (!sparesRecorder(error)) return;
    mayMend = true;
    pool.failed(recorder, reason, { fatal: false, ...retryAfterOf(error) });
  };
  let last = '';
  try {
    if (hops.length === 0) throw new Failure('SIP_REFUSED', 'no recorder is to be asked');
    await tryInTurn(
      {
        hops,
        withinMs,
        now: () => clock.now(),
        over,
        onFailed: (recorder, error) => {
          failed(recorder, error);
          onRecorderFailed(messageOf(error));
        },
      },
      (recorder) => {
        last = recorder;
        const objection = objectionTo(search, recorder);
        if (objection === undefined) return ask(recorder);
        mayMend = true;
        throw new Failure('SIP_REFUSED', objection);
      },
    );
    return undefined;
  } catch (error) {
    if (over()) return undefined;
    if (last !== '') failed(last, error);
    return { reason: reasons.length === 0 ? messageOf(error) : reasons.join('; '), mayMend };
  }
}

/** Whom the next search may find: one that has the other copy is there, and to be told of it would be another search in vain. */
export function membersToAwait({ members, elsewhere }: Pick<RecorderSearch, 'members' | 'elsewhere'>): readonly Member[] {
  if (elsewhere?.asked !== 'never') return members;
  const free = members.filter(({ uri }) => !elsewhere.uris().includes(uri));
  return free.length === 0 ? members : free;
}

function inOrder({ elsewhere }: RecorderSearch, ask: readonly string[], left: string | undefined): readonly string[] {
  const taken = elsewhere?.uris() ?? [];
  const free = ask.filter((uri) => uri !== left);
  const first = free.filter((uri) => !taken.includes(uri));
  return elsewhere?.asked === 'last' ? [...first, ...free.filter((uri) => taken.includes(uri))] : first;
}

/** The search has taken its time: meanwhile it may have failed others, or have got the other copy. */
function objectionTo({ pool, sessionId, elsewhere }: RecorderSearch, recorder: string): string | undefined {
  if (elsewhere?.asked === 'never' && elsewhere.uris().includes(recorder)) return `the recorder ${recorder} has the other copy of the call`;
  return pool.choose([{ uri: recorder, priority: 1 }], sessionId).spared[0]?.reason;
}
