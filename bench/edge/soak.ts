/** Minutes at half the highest rate: whether memory grows, and whether all is gone when the calls are over. */
import { setTimeout as sleep } from 'node:timers/promises';
import { rounded, type BenchContext } from '../bench.js';
import { openLoad } from './load.js';
import { slope } from './slope.js';
import type { Site, Subject } from './shapes.js';

export interface SoakPlan {
  readonly minutes: number;
  readonly rate: number;
}

interface Sample {
  readonly seconds: number;
  readonly residentBytes: number;
  /** After a collection. */
  readonly heapBytes: number;
  readonly transactions: number;
  readonly dialogs: number;
}

export interface Soak {
  readonly rate: number;
  readonly minutes: number;
  readonly placed: number;
  readonly failed: number;
  readonly refused: number;
  /** By linear regression over the samples, from the first to the last. */
  readonly residentGrowthBytes: number;
  readonly heapGrowthBytes: number;
  readonly residentStartBytes: number;
  readonly heapStartBytes: number;
  /** When all is over. */
  readonly transactionsLeft: number;
  readonly dialogsLeft: number;
  readonly samples: readonly Sample[];
  readonly failures: readonly string[];
}

/** To know what is really in use, a sample has all garbage collected, which stops both threads for some 250 ms. */
const sampleSeconds = 30;
/** Not judged: until then transactions of ended calls pile up (64 T1), code is compiled and heaps find their size. */
const settleSeconds = 60;
/** What a growth may be and still be none: heaps and the allocator breathe. */
const heapBoundBytes = 4e6;
const residentBoundBytes = 24e6;
const emptyWithinMs = 60_000;

export async function soak(openWarm: () => Promise<Subject>, { shape, calleePort, dir }: Site, { minutes, rate }: SoakPlan, { progress, signal }: BenchContext): Promise<Soak> {
  const subject = await openWarm();
  const opened: { close(): Promise<void> }[] = [subject];
  try {
    const load = await openLoad(subject, calleePort, { transport: shape.transport, rate, seconds: settleSeconds + minutes * 60, dir, signal });
    opened.push(load);
    const startedAt = Date.now();
    const samples: Sample[] = [];
    const sample = async (): Promise<Sample> => {
      const inside = await subject.inside();
      const taken = {
        seconds: Math.round((Date.now() - startedAt) / 1_000),
        residentBytes: subject.memoryBytes(), heapBytes: inside?.heapBytes ?? 0, transactions: inside?.transactions ?? 0, dialogs: inside?.dialogs ?? 0,
      };
      progress(`${shape.name} ${subject.name} after ${taken.seconds} s at ${rate}/s: ${(taken.residentBytes / 1e6).toFixed(0)} MB, ${(taken.heapBytes / 1e6).toFixed(1)} MB of heap, ${taken.transactions} transactions, ${taken.dialogs} dialogs, ${load.caller.counts().failed} failed`);
      return taken;
    };
    await sleep(settleSeconds * 1_000, undefined, { signal });
    // The first collection that is asked for gives back what no later one can.
    await sample();
    for (let due = Date.now(); due < startedAt + (settleSeconds + minutes * 60) * 1_000; due += sampleSeconds * 1_000) {
      await sleep(Math.max(0, due - Date.now()), undefined, { signal });
      samples.push(await sample());
    }
    const { placed, failed, refused } = await load.outcome();
    let last = await sample();
    for (const late = Date.now() + emptyWithinMs; last.transactions + last.dialogs > 0 && Date.now() < late;) {
      await sleep(2_000, undefined, { signal });
      last = await sample();
    }
    const growth = (field: 'residentBytes' | 'heapBytes'): number =>
      Math.round(slope(samples.map((each) => [each.seconds, each[field]] as const)) * ((samples.at(-1)?.seconds ?? 0) - (samples[0]?.seconds ?? 0)));
    const [residentGrowthBytes, heapGrowthBytes] = [growth('residentBytes'), growth('heapBytes')];
    const failures = [
      ...(failed + refused > 0 ? [`${failed} of ${placed} calls failed, ${refused} were refused`] : []),
      ...(heapGrowthBytes > heapBoundBytes ? [`the heap grew by ${(heapGrowthBytes / 1e6).toFixed(1)} MB in ${minutes} minutes`] : []),
      ...(residentGrowthBytes > residentBoundBytes ? [`resident memory grew by ${(residentGrowthBytes / 1e6).toFixed(1)} MB in ${minutes} minutes`] : []),
      ...(last.transactions + last.dialogs > 0 ? [`${last.transactions} transactions and ${last.dialogs} dialogs are left a minute after the last call`] : []),
    ];
    return {
      rate, minutes: rounded(minutes), placed, failed, refused, residentGrowthBytes, heapGrowthBytes,
      residentStartBytes: samples[0]?.residentBytes ?? 0, heapStartBytes: samples[0]?.heapBytes ?? 0,
      transactionsLeft: last.transactions, dialogsLeft: last.dialogs, samples, failures,
    };
  } finally {
    for (const each of opened.toReversed()) await each.close();
  }
}
