/** For the simulation of failover: the pool as calls see it, with its promises watched. */
import type { RecorderPool } from '../recorder-pool/index.js';
import type { VirtualClock } from '../recorder-pool/virtual-clock.fixture.js';
import type { CallRecordingOptions } from './call-recording.js';

/** @param shortestMs no ejection is seen to end sooner */
export function watchedPool(pool: RecorderPool, shortestMs: number, clock: VirtualClock, wrong: (what: string) => void) {
  const sessions = new Map<string, number>();
  const ejectedAtMs = new Map<string, number>();
  const count = (uri: string, by: number): void => {
    const now = (sessions.get(uri) ?? 0) + by;
    sessions.set(uri, now);
    if (now < 0) wrong(`more sessions have ended at ${uri} than begun`);
  };
  const watched: CallRecordingOptions['pool'] = {
    choose: (members, sessionId) => pool.choose(members, sessionId),
    began: (uri) => {
      count(uri, 1);
      pool.began(uri);
    },
    ended: (uri) => {
      count(uri, -1);
      pool.ended(uri);
    },
    failed: (uri, reason, how) => pool.failed(uri, reason, how),
    suspect: (uri) => pool.suspect(uri),
    watch: (uri, told) => pool.watch(uri, told),
    whenAskable: (members, told) => pool.whenAskable(members, told),
  };
  /** Between two ejections of one recorder there is the back-off. */
  const look = (): void => {
    for (const { uri, state } of pool.list()) {
      const sinceMs = ejectedAtMs.get(uri);
      if (state === 'ejected' && sinceMs === undefined) ejectedAtMs.set(uri, clock.now());
      if (state === 'ejected' || sinceMs === undefined) continue;
      ejectedAtMs.delete(uri);
      if (clock.now() - sinceMs < shortestMs) wrong(`${uri} was ejected for ${clock.now() - sinceMs} ms only`);
    }
  };
  return { pool: watched, sessions, look };
}
