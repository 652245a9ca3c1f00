/**
 * Watches the recorders that share the ledger: what one leaves that is gone is recovered here, unless another process does.
 *
 * Owns       when it is looked, the claim, and the copies that nobody needs any more.
 * Leaves to  recover-another.ts the captures; the ledger who is gone, by its clock.
 */
import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../errors/index.js';
import type { GoneRecorder, Ledger } from '../ledger/index.js';
import type { Log, Metrics } from '../ops/index.js';
import { copiesAmong } from './capture-folder.js';
import { removeCopy } from './copy-captures.js';
import { recoverAnother, type RecoverAnotherOptions } from './recover-another.js';

export interface WatchOptions {
  readonly ledger: RecoverAnotherOptions['ledger'] & Pick<Ledger, 'recordersGone' | 'recorderFolders' | 'claimRecovery' | 'recoveryEnded' | 'unusedCopies'>;
  /** The recorder of this process, if it has one: that one is not gone, whatever the ledger says. */
  readonly own?: string | undefined;
  readonly deadAfterMs: number;
  readonly log: Pick<Log, 'warn' | 'error'>;
  readonly metrics: Pick<Metrics, 'captureEnded'>;
  /** There are captures to be stitched. */
  readonly onRecovered: () => void;
  readonly everyMs?: number;
  /** A copy that is younger is left alone, used or not: somebody may be at it. */
  readonly keepCopiesMs?: number;
  /** After a failure the same recorder's captures are left alone for so long. */
  readonly retryMs?: number;
}

export interface RecorderWatch {
  close(): Promise<void>;
}

/** Copies are looked through once in so many turns. */
const turnsPerTidying = 30;

export function watchRecorders(options: WatchOptions): RecorderWatch {
  const { ledger, own, deadAfterMs, log, metrics, onRecovered, everyMs = 2_000, keepCopiesMs = 600_000, retryMs = 30_000 } = options;
  const notBeforeMs = new Map<string, number>();
  /** Of which that was said. */
  const unreadable = new Set<string>();
  let turns = 0;
  let running: Promise<void> | undefined;

  const later = (recorder: string): void => void notBeforeMs.set(recorder, performance.now() + retryMs);

  const recover = async ({ recorder, folder }: GoneRecorder): Promise<void> => {
    if (recorder === own || performance.now() < (notBeforeMs.get(recorder) ?? 0)) return;
    if (!(await isReadable(folder))) {
      later(recorder);
      if (!unreadable.has(recorder)) log.warn({ recorder, path: folder }, 'a recorder is gone, and its captures cannot be read here');
      unreadable.add(recorder);
      return;
    }
    unreadable.delete(recorder);
    if (!(await ledger.claimRecovery(recorder, deadAfterMs))) return;
    let done = false;
    try {
      const recovered = await recoverAnother({ recorder, folder, ledger, now: Date.now });
      done = true;
      for (const _ of recovered) metrics.captureEnded('cut');
      log.warn({ recorder, captures: recovered.length }, 'captures of a recorder that is gone were recovered');
      if (recovered.length > 0) onRecovered();
    } catch (error) {
      later(recorder);
      log.error({ recorder, reason: messageOf(error) }, 'captures of a recorder that is gone could not be recovered; it is tried again');
    } finally {
      await ledger.recoveryEnded(recorder, done);
    }
  };

  const tidy = async (): Promise<void> => {
    const copies: { recorder: string; copy: string }[] = [];
    for (const { recorder, folder } of await ledger.recorderFolders()) {
      for (const copy of copiesAmong(await readdir(dirname(folder)).catch(() => []), folder)) {
        const madeAtMs = await stat(copy).then(({ mtimeMs }) => mtimeMs, () => Infinity);
        if (Date.now() - madeAtMs >= keepCopiesMs) copies.push({ recorder, copy });
      }
    }
    for (const copy of await ledger.unusedCopies(copies)) await removeCopy(copy);
  };

  const turn = async (): Promise<void> => {
    try {
      for (const each of await ledger.recordersGone(deadAfterMs)) await recover(each);
      if (turns % turnsPerTidying === 0) await tidy();
      turns += 1;
    } catch {
      // A ledger that does not answer is told by its health; the next turn asks again.
    }
  };
  const look = (): void => void (running ??= turn().finally(() => (running = undefined)));
  const timer = setInterval(look, everyMs);
  look();
  return {
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}

const isReadable = (folder: string): Promise<boolean> =>
  access(folder, constants.R_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
