/** Memory that an open back-to-back call takes, by holding more and more of them open. */
import { setTimeout as sleep } from 'node:timers/promises';
import { rounded, type BenchContext } from '../bench.js';
import { openCallee, openCaller } from './sipp-end.js';
import type { Site, Subject } from './shapes.js';

export interface MemoryPlan {
  /** How many calls are open when memory is read, rising. */
  readonly calls: readonly number[];
  readonly rate: number;
}

interface Reading {
  readonly calls: number;
  readonly dialogs: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
}

export interface DialogMemory {
  readonly readings: readonly Reading[];
  /** Between the first and the last reading with calls; a back-to-back call is two dialogs. */
  readonly residentBytesPerCall: number;
  readonly heapBytesPerCall: number;
  readonly heapBytesPerDialog: number;
}

/** Transactions of the last call are gone after 64 T1 (RFC 3261 §17). */
const quietMs = 34_000;
const longest = 15 * 60_000;

export async function measureDialogMemory(openWarm: () => Promise<Subject>, { shape, calleePort, dir }: Site, plan: MemoryPlan, { progress, signal }: BenchContext): Promise<DialogMemory> {
  const subject = await openWarm();
  const opened: { close(): Promise<void> }[] = [subject];
  try {
    opened.push(await openCallee({ transport: shape.transport, port: calleePort, livesMs: longest, holdMs: longest, dir }));
    const readings: Reading[] = [];
    const read = async (calls: number): Promise<void> => {
      await sleep(quietMs, undefined, { signal });
      const { dialogs, heapBytes } = (await subject.inside()) ?? { dialogs: 0, heapBytes: 0 };
      readings.push({ calls, dialogs, residentBytes: subject.memoryBytes(), heapBytes });
      progress(`${shape.name} ${subject.name} with ${calls} open calls: ${dialogs} dialogs, ${Math.round(subject.memoryBytes() / 1e6)} MB, ${Math.round(heapBytes / 1e6)} MB of heap`);
    };
    await read(0);
    let open = 0;
    for (const calls of plan.calls) {
      const caller = openCaller({ transport: shape.transport, to: subject, rate: plan.rate, calls: calls - open, holdMs: longest, dir });
      opened.push(caller);
      for (let late = Date.now() + ((calls - open) / plan.rate) * 2_000 + 10_000; caller.counts().created < calls - open;) {
        if (Date.now() > late) throw new Error(`only ${caller.counts().created} of ${calls - open} calls could be placed: ${caller.objections()}`);
        await sleep(500, undefined, { signal });
      }
      open = calls;
      await read(calls);
      if (caller.counts().failed > 0) throw new Error(`${caller.counts().failed} calls failed that were to be held open: ${caller.objections()}`);
    }
    const [first, last] = [readings[1], readings.at(-1)];
    if (first === undefined || last === undefined || first === last) throw new Error('two numbers of calls are needed');
    const perCall = (field: 'residentBytes' | 'heapBytes'): number => Math.round((last[field] - first[field]) / (last.calls - first.calls));
    return {
      readings,
      residentBytesPerCall: perCall('residentBytes'),
      heapBytesPerCall: perCall('heapBytes'),
      heapBytesPerDialog: rounded(perCall('heapBytes') / 2, 0),
    };
  } finally {
    for (const each of opened.toReversed()) await each.close();
  }
}
