/**
 * The stitcher: makes recordings of sessions whose captures are all closed, and discards what nobody asked to keep.
 *
 * What is to be done stands in the ledger, so nothing is forgotten by a restart; a poke only makes it sooner.
 *
 * Owns       the loop, one session at a time, and what the ledger learns of each.
 */
import { rm } from 'node:fs/promises';
import { messageOf } from '../errors/index.js';
import type { Ledger, StitchJob } from '../ledger/index.js';
import type { Log, Metrics } from '../ops/index.js';
import { manifestName, type ObjectStore, type VaultKeys } from '../vault/index.js';
import { recordingIdOf, stitch, type StitchOptions } from './stitch.js';

export interface StitcherOptions {
  readonly ledger: Pick<Ledger, 'sessionsToStitch' | 'stillStitching' | 'putRecording' | 'stitchFailed' | 'find'>;
  readonly keys: VaultKeys;
  readonly store: ObjectStore;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'recordingEnded' | 'stitchSeconds' | 'stitchFailed' | 'recorderPacketsLost'>;
  /** What recordings are made as, of the next one. */
  readonly recording?: () => StitchOptions;
  /** How often the ledger is asked without a poke. */
  readonly everyMs?: number;
}

export interface Stitcher {
  /** There may be something to do. */
  poke(): void;
  /** Finishes the session in hand and stops. */
  close(): Promise<void>;
}

/** What waits for its turn is another stitcher's to take. */
const batch = 1;
/** A few times within the time after which a session is given to another. */
const stillAtItEveryMs = 60_000;

export function openStitcher(options: StitcherOptions): Stitcher {
  const { ledger, log } = options;
  let closing = false;
  let poked = false;
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    do {
      poked = false;
      try {
        // A capture that closes from here on is not in the list: the ledger must ask for another stitch.
        const listedAtMs = Date.now();
        const jobs = await ledger.sessionsToStitch(batch);
        for (const job of jobs) {
          if (closing) return;
          await stitchSession(options, job, listedAtMs);
        }
        if (jobs.length === batch) poked = true;
      } catch (error) {
        log.error({ reason: messageOf(error) }, 'the ledger does not tell what is to be stitched; asked again later');
      }
    } while (poked && !closing);
  };
  const poke = (): void => {
    if (closing) return;
    poked = true;
    running ??= run().finally(() => (running = undefined));
  };
  const timer = setInterval(poke, options.everyMs ?? 2_000);
  poke();
  return {
    poke,
    async close() {
      closing = true;
      clearInterval(timer);
      await running;
    },
  };
}

async function stitchSession(options: StitcherOptions, { sessionId, captures, sealedKeys, unrecorded }: StitchJob, listedAtMs: number): Promise<void> {
  const { ledger, keys, store, log, metrics } = options;
  const startedAtMs = Date.now();
  // Where the ledger does not take it, another may do the same again.
  const atIt = setInterval(() => void ledger.stillStitching(sessionId).catch(() => undefined), stillAtItEveryMs);
  try {
    const standing = (await ledger.find(recordingIdOf(sessionId)))?.recording?.objectName;
    const { report, discarded, objectName, digest, sealedBytes } = await stitch(sessionId, captures, keys, store, sealedKeys, { ...options.recording?.(), unrecorded, standing });
    await ledger.putRecording({
      recordingId: report.recordingId,
      sessionId,
      state: report.state,
      reason: report.reason,
      startedAtMs: Date.parse(report.startedAt),
      durationMs: report.durationMs,
      caller: report.channels[0]?.party ?? '',
      callee: report.channels[1]?.party ?? '',
      objectName,
      digest,
      report,
      sealedBytes,
      stitchedAtMs: listedAtMs,
      takenIn: captures.map(({ captureId, closedAtMs }) => ({ captureId, ...(closedAtMs === undefined ? {} : { closedAtMs }) })),
      unrecorded: unrecorded.length,
      capturesDiscarded: discarded,
    });
    if (discarded) await Promise.all(captures.map(({ path }) => rm(path, { force: true })));
    // Only now does nothing point to the one before.
    if (standing !== undefined && standing !== '' && standing !== objectName) await removeRecording(store, standing, objectName);
    metrics.stitchSeconds((Date.now() - startedAtMs) / 1000);
    metrics.recordingEnded(report.state);
    metrics.recorderPacketsLost(report.channels.reduce((lost, channel) => lost + channel.packetsLost, 0));
    if (report.keysRefused !== undefined) log.warn({ sessionId, keys: report.keysRefused }, 'keys that were sent for a session are of no use');
    log.info({ sessionId, recordingId: report.recordingId, state: report.state, durationMs: report.durationMs, reason: report.reason }, discarded ? 'captures discarded' : 'recording made');
  } catch (error) {
    metrics.stitchFailed();
    log.error({ sessionId, reason: messageOf(error) }, 'a session could not be stitched; it is tried again');
    await ledger.stitchFailed(sessionId, messageOf(error), Date.now());
  } finally {
    clearInterval(atIt);
  }
}

/** The manifest has one name in all formats: where only the format changed it is the new one's. */
async function removeRecording(store: ObjectStore, objectName: string, inItsPlace: string): Promise<void> {
  await store.remove(objectName);
  if (manifestName(objectName) !== manifestName(inItsPlace)) await store.remove(manifestName(objectName));
}
