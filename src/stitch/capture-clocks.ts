/**
 * Of each of several captures of a call: by how much its recorder's clock is off, and which of its packets came late
 * because of the recorder (late-bursts.ts).
 *
 * A packet may be late, never early: the least delay of a source's packets (arrival less timestamp) is when a recorder
 * had them as they were sent. It differs from one recorder to another by as much as their clocks do, whether both had
 * the same packets, or one took over from the other and got late what that had not written. It is looked for near where
 * the two captures meet, so that a sender's clock that runs wrong for hours is not taken for theirs. Where no source was
 * heard by both, the clocks are taken to agree.
 */
import { readCaptureChunks } from '../capture/index.js';
import { Failure } from '../errors/index.js';
import type { VaultKeys } from '../vault/index.js';
import type { CaptureSource } from './capture-source.js';
import { LateBursts, type LateBurst } from './late-bursts.js';
import { keyOf, SourceTimes } from './source-times.js';

export interface CaptureClock {
  /** What is taken off its instants, ms. */
  readonly offsetMs: number;
  /** By source, as keyOf names it. */
  readonly bursts: ReadonlyMap<string, readonly LateBurst[]>;
}

/** Of a capture that is the only one. */
export const trueClock: CaptureClock = { offsetMs: 0, bursts: new Map() };

/** The least delay is kept of each so many seconds, of each source: as many stretches as twelve hours have. */
const stretchMs = 10_000;
const mostStretches = 4_320;
/** From where two captures meet. */
const nearMs = 60_000;
/** Less is the network's. */
const leastOffsetMs = 100;

/** Of one source in one capture. */
interface Heard {
  readonly clockRate: number;
  /** By stretch of its timestamps, the least delay. */
  readonly least: Map<number, number>;
  readonly late: LateBursts;
}

export async function captureClocks(sources: readonly CaptureSource[], keys: VaultKeys): Promise<readonly CaptureClock[]> {
  const heard: ReadonlyMap<string, Heard>[] = [];
  for (const source of sources) heard.push(await heardIn(source, keys));
  const known: (number | undefined)[] = [0];
  for (let index = 1; index < sources.length; index += 1) {
    // Against any capture before it whose own offset is known.
    for (let before = 0; before < index && known[index] === undefined; before += 1) {
      const [base, apart] = [known[before], apartBy(heard[before], heard[index])];
      if (base !== undefined && apart !== undefined) known[index] = base + (Math.abs(apart) < leastOffsetMs ? 0 : apart);
    }
  }
  return heard.map((of, index) => ({ offsetMs: known[index] ?? 0, bursts: new Map([...of].map(([source, { late }]) => [source, late.found])) }));
}

/** By the source that says least: another may have begun its timestamps anew. */
function apartBy(one: ReadonlyMap<string, Heard> | undefined, other: ReadonlyMap<string, Heard> | undefined): number | undefined {
  let least: number | undefined;
  for (const [source, there] of other ?? []) {
    const here = one?.get(source);
    if (here === undefined) continue;
    const apart = apartNear(here, there);
    if (least === undefined || Math.abs(apart) < Math.abs(least)) least = apart;
  }
  return least;
}

function apartNear(here: Heard, there: Heard): number {
  const [[hereFrom, hereTo], [thereFrom, thereTo]] = [rangeOf(here), rangeOf(there)];
  const wrapMs = (2 ** 32 * 1_000) / there.clockRate;
  // Each capture counts the wraps of timestamps from its own beginning.
  const shiftMs = Math.round((thereFrom - hereFrom) / wrapMs) * wrapMs;
  const meetMs = (Math.max(hereFrom, thereFrom - shiftMs) + Math.min(hereTo, thereTo - shiftMs)) / 2;
  return leastNear(there, meetMs + shiftMs) + shiftMs - leastNear(here, meetMs);
}

function rangeOf({ least }: Heard): [number, number] {
  const stretches = [...least.keys()];
  return [Math.min(...stretches) * stretchMs, (Math.max(...stretches) + 1) * stretchMs];
}

/** The least delay near that time, or else of the stretch that is nearest. */
function leastNear({ least }: Heard, atMs: number): number {
  let [near, nearest, nearestAway] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const [stretch, delayMs] of least) {
    const away = Math.abs((stretch + 0.5) * stretchMs - atMs);
    if (away <= nearMs) near = Math.min(near, delayMs);
    if (away < nearestAway) [nearest, nearestAway] = [delayMs, away];
  }
  return Number.isFinite(near) ? near : nearest;
}

async function heardIn({ path }: CaptureSource, keys: VaultKeys): Promise<ReadonlyMap<string, Heard>> {
  const heard = new Map<string, Heard>();
  const times = new SourceTimes();
  try {
    for await (const records of readCaptureChunks(path, keys)) {
      while (records.next()) {
        if (records.event !== undefined) {
          if (records.event.type === 'streams') times.describe(records.event.streams);
          continue;
        }
        const source = times.of(records);
        if (source === undefined) continue;
        const key = keyOf(source);
        let of = heard.get(key);
        if (of === undefined) heard.set(key, (of = { clockRate: source.clockRate, least: new Map(), late: new LateBursts() }));
        const { atMs } = source;
        const stretch = Math.floor(atMs / stretchMs);
        const delayMs = records.atMs - atMs;
        const before = of.least.get(stretch);
        if (before === undefined ? of.least.size < mostStretches : delayMs < before) of.least.set(stretch, delayMs);
        of.late.hear(atMs, records.atMs);
      }
    }
  } catch (error) {
    // What cannot be read has no clock; gathering it says why.
    if (!(error instanceof Failure)) throw error;
  }
  return heard;
}
