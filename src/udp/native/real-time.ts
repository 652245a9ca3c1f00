/** The real-time class of Linux's scheduler (sched(7)), for the thread that calls it. */
import { loadLibc } from './libc.js';

/** By processor: the C library's own function does nothing with musl, and speaks of processes. */
const callSetScheduler: Partial<Record<NodeJS.Architecture, number>> = { x64: 144, arm64: 119 };
/** SCHED_RR: those of one priority take turns. What such a thread starts is not in real time (SCHED_RESET_ON_FORK). */
const [roundRobin, resetOnFork] = [2, 0x4000_0000];
/** Of 1 to 99, more going first: after whatever else of the system is in real time. */
const priority = 1;

/** @returns whether the system allowed it; false where koffi is missing */
export function enterRealTime(): boolean {
  const call = callSetScheduler[process.arch];
  const libc = call === undefined ? undefined : loadLibc();
  if (call === undefined || libc === undefined) return false;
  // struct sched_param
  const parameters = libc.alloc(4);
  parameters.view.setInt32(0, priority, true);
  return libc.syscall(call, 0, roundRobin | resetOnFork, parameters.at(0, 4), 0, 0, 0) === 0;
}
