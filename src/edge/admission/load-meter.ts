/** What this thread's event loop, its sockets and its heap say of its load. */
import { performance, type EventLoopUtilization } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Load } from './shedding.js';

/** Measures from one call to the next. */
export type LoadMeter = () => Omit<Load, 'lagMs'>;

/** `waitMs` tells how long messages wait; it is asked once for each measurement. */
export function openLoadMeter(waitMs: () => number): LoadMeter {
  let before: EventLoopUtilization = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
    return { busy: utilization, waitMs: waitMs(), memory: used / limit };
  };
}
