/**
 * A media thread goes before other work of the machine: what it does for a packet is short, and a call hears when it waits.
 *
 * In real time it has a core the moment that it wakes (sched(7), SCHED_RR), as media servers have; else, on a busy machine,
 * it waits for the scheduler's next tick or two, 4 to 8 ms. The system allows it with CAP_SYS_NICE or by a limit (systemd:
 * LimitRTPRIO=1). Next best is to be less nice than others (LimitNICE=-10).
 *
 * Linux alone has either for a thread.
 */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { enterRealTime } from '../../udp/index.js';

/** How a thread stands to the other work of the machine. */
export type Rank = 'real-time' | 'before-others' | 'as-others';

/** Of -20 to 19, less going first. */
const niceness = -10;

/**
 * Without it V8 sweeps what the native code of an isolate has left by threads that serve the whole process, and a thread
 * that has something to be swept asks again and again whether they are done. In real time it would keep them from their
 * work by that, and all else that is to run on its core.
 */
const neededFlag = '--single-threaded-gc';

/** Whether threads of this process may be in real time; for its main thread to say. */
export const mayBeInRealTime = (): boolean => process.execArgv.includes(neededFlag);

/** Puts the thread that calls it before others, as far as the system allows it. */
export function goFirst(inRealTime: boolean): Rank {
  if (inRealTime && enterRealTime()) return 'real-time';
  try {
    // PROCESS/task/THREAD: to Linux a priority is a thread's, whatever the call says of processes.
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), niceness);
    return 'before-others';
  } catch {
    return 'as-others';
  }
}
