/**
 * Calls whose media the switch forks by itself (anchor.none): it is told which of them to record, and the ledger gives up
 * those of which nobody has captured anything.
 */
import type { SwitchSettings } from '../anchor/index.js';
import { messageOf } from '../errors/index.js';
import type { Ledger } from '../ledger/index.js';
import type { Log, Metrics } from '../ops/index.js';

/** What the switch reads; none where it knows by itself, or by the numbers. */
export function forkingHeader({ header }: SwitchSettings, sessionId: string): Readonly<Record<string, string>> {
  return header === undefined ? {} : { [header.name]: header.value.replaceAll('{sessionId}', sessionId) };
}

export interface CaptureWatchOptions {
  readonly settings: SwitchSettings;
  readonly node: string;
  readonly ledger: Pick<Ledger, 'loseUncaptured'>;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'recordingEnded'>;
  readonly now: () => number;
}

const looksPerWait = 10;
const [mostOftenMs, leastOftenMs] = [1_000, 30_000];

/** Looks now and then for calls that ended long enough ago; returns what ends that. */
export function watchForCaptures({ settings, node, ledger, log, metrics, now }: CaptureWatchOptions): () => void {
  const waitMs = settings.captureWithinSeconds * 1_000;
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      const lost = await ledger.loseUncaptured(node, now() - waitMs, `the switch was to record it, and no capture came within ${settings.captureWithinSeconds} s of its end`);
      for (let n = 0; n < lost; n += 1) metrics.recordingEnded('lost');
      if (lost > 0) log.warn({ calls: lost }, 'calls that the switch was to record were captured nowhere');
    } catch (error) {
      // The next look finds them all the same.
      log.error({ reason: messageOf(error) }, 'the ledger does not say which calls were captured');
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(() => void look(), Math.min(leastOftenMs, Math.max(mostOftenMs, waitMs / looksPerWait)));
  return () => clearInterval(timer);
}
