/**
 * What tells the processes that share the ledger that this recorder is alive: a beat in the ledger every two seconds.
 *
 * Its name is its own: two of one name would write to one folder. So it does not begin while another of its name beats.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../errors/index.js';
import type { Ledger } from '../ledger/index.js';

export interface SignsOfLifeOptions {
  readonly recorder: string;
  /** Where its captures are. */
  readonly folder: string;
  readonly ledger: Pick<Ledger, 'recorderBeat' | 'recorderEnded' | 'silenceOfOther'>;
  readonly everyMs?: number;
}

export interface SignsOfLife {
  /** It goes, and has left nothing open. */
  close(): Promise<void>;
}

/** A process of before that was killed has been silent for so many beats; one that is alive has not. */
const beatsMissed = 2.5;

/** @throws Failure CONFIG_INVALID when another recorder of this name is alive. */
export async function openSignsOfLife({ recorder, folder, ledger, everyMs = 2_000 }: SignsOfLifeOptions): Promise<SignsOfLife> {
  const run = randomUUID();
  await untilNobodyElse(recorder, run, ledger, everyMs);
  const beat = (): Promise<void> => ledger.recorderBeat({ recorder, run, folder });
  await beat();
  let beating: Promise<void> | undefined;
  const timer = setInterval(() => {
    // A ledger that does not answer is told by its health.
    beating ??= beat().catch(() => undefined).finally(() => (beating = undefined));
  }, everyMs);
  return {
    async close() {
      clearInterval(timer);
      await beating;
      await ledger.recorderEnded(recorder, run);
    },
  };
}

async function untilNobodyElse(recorder: string, run: string, ledger: SignsOfLifeOptions['ledger'], everyMs: number): Promise<void> {
  for (let before = 0; ; ) {
    const silentMs = await ledger.silenceOfOther(recorder, run);
    if (silentMs === undefined || silentMs > beatsMissed * everyMs) return;
    if (silentMs < before) {
      throw new Failure('CONFIG_INVALID', `recorder.name: another recorder that is called ${recorder} is running on the same ledger: give each a name of its own`, { facts: { recorder } });
    }
    before = silentMs;
    await delay(everyMs / 5);
  }
}
