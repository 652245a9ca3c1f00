/**
 * A media thread goes before other work of the machine: what it does for a packet is short, and a call hears when it waits.
 *
 * Linux alone has a priority for a thread; raising it takes CAP_SYS_NICE, or a limit that allows it (systemd: LimitNICE=-10).
 */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';

/** Of -20 to 19, less going first. */
const niceness = -10;

/** Puts the thread that calls it first. @returns whether the system allowed it */
export function goFirst(): boolean {
  try {
    // PROCESS/task/THREAD: to Linux a priority is a thread's, whatever the call says of processes.
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), niceness);
    return true;
  } catch {
    return false;
  }
}
