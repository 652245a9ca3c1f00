/** The recorders that this proxy may ask: the pool, with SIP to ask by, and a log and a metric that follow it. */
import { openRecorderPool, systemClock, type RecorderPool } from '../recorder-pool/index.js';
import { askOptions, recorderLoadHeader, secondsOf } from '../sip/index.js';
import type { ProxyContext } from './context.js';
import { allMembers } from './recording-terms.js';

export function openRecorders({ settings, sip, log, metrics }: Pick<ProxyContext, 'settings' | 'sip' | 'log' | 'metrics'>): RecorderPool {
  const members = allMembers(settings.recording);
  for (const { uri } of members) metrics.recorderUp(uri, true);
  return openRecorderPool({
    members,
    settings: settings.recording.pool,
    clock: systemClock,
    draw: Math.random,
    ask: async (uri, timeoutMs) => {
      const answer = await askOptions(sip, uri, timeoutMs);
      if (answer === undefined) return undefined;
      const load = answer.header(recorderLoadHeader);
      const retryAfterSeconds = secondsOf(answer.header('retry-after'));
      return { status: answer.status, ...(load === undefined ? {} : { load }), ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }) };
    },
    onChange: ({ uri, up, reason }) => {
      metrics.recorderUp(uri, up);
      if (up) log.info({ recorder: uri, reason }, 'a recorder takes sessions again');
      else log.warn({ recorder: uri, reason }, 'a recorder is not asked for now');
    },
  });
}
