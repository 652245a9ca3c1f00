/** What processes have used, out of Linux's /proc (proc(5)): CPU to the tick, memory to the page. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const msPerTick = 10;

export interface Usage {
  readonly cpuMs: number;
  /** CPU of the first thread of the first process. */
  readonly mainThreadMs: number;
  /** CPU of its other threads, by thread id. */
  readonly otherThreadsMs: Readonly<Record<string, number>>;
}

interface Stat {
  readonly parent: number;
  readonly cpuMs: number;
}

/** Undefined when the process or thread is gone. */
function readStat(path: string): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`${path}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The second field is the name, in parentheses, and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), cpuMs: (Number(fields[11]) + Number(fields[12])) * msPerTick };
}

const numbered = (path: string): string[] => {
  try {
    return readdirSync(path).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
};

/** A process and all that descend from it. */
export function processTree(root: number): number[] {
  const parents = new Map(numbered('/proc').map((pid) => [Number(pid), readStat(`/proc/${pid}`)?.parent]));
  const tree = [root];
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  return tree;
}

export function usageOf(pids: readonly number[]): Usage {
  const [first] = pids;
  const others = numbered(`/proc/${first}/task`).filter((thread) => Number(thread) !== first);
  const cpuOf = (path: string): number => readStat(path)?.cpuMs ?? 0;
  return {
    cpuMs: pids.reduce((sum, pid) => sum + cpuOf(`/proc/${pid}`), 0),
    mainThreadMs: cpuOf(`/proc/${first}/task/${first}`),
    otherThreadsMs: Object.fromEntries(others.map((thread) => [thread, cpuOf(`/proc/${first}/task/${thread}`)])),
  };
}

/** CPU of all cores since the machine began: what was used, by whomever, and what there was. */
export function coresUsage(): { readonly usedMs: number; readonly allMs: number } {
  const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softirq = 0, stolen = 0] = (readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? '').trim().split(/ +/u).slice(1).map(Number);
  const used = user + nice + system + irq + softirq + stolen;
  return { usedMs: used * msPerTick, allMs: (used + idle + waiting) * msPerTick };
}

/** What was used between two readings. `busiestOtherMs`: the one thread beside the first that did most. */
export function usedBetween(before: Usage, after: Usage): { readonly cpuMs: number; readonly mainThreadMs: number; readonly busiestOtherMs: number } {
  const others = Object.entries(after.otherThreadsMs).map(([thread, ms]) => ms - (before.otherThreadsMs[thread] ?? 0));
  return { cpuMs: after.cpuMs - before.cpuMs, mainThreadMs: after.mainThreadMs - before.mainThreadMs, busiestOtherMs: Math.max(0, ...others) };
}

/** Undefined when the process is gone, or not ours to look at. */
function kilobytes(file: string, field: RegExp): number | undefined {
  try {
    return Number(field.exec(readFileSync(file, 'latin1'))?.[1]);
  } catch {
    return undefined;
  }
}

/** Resident memory; of several processes, which share some of it, with each page counted once (PSS). */
export function memoryBytes(pids: readonly number[]): number {
  const sum = pids.length === 1
    ? kilobytes(`/proc/${pids[0]}/status`, /^VmRSS:\s+(\d+) kB/m) ?? 0
    // Slow for a big process, since the kernel walks its pages.
    : pids.reduce((all, pid) => all + (kilobytes(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB/m) ?? 0), 0);
  return sum * 1_024;
}

/** Whether a port of 127.0.0.1, or of all addresses, is taken. Looks only: a trial bind could be in another's way. */
export function portTaken(transport: 'udp' | 'tcp', port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['', '6'].some((version) => {
    const table = `/proc/net/${transport}${version}`;
    return existsSync(table) && readFileSync(table, 'latin1').split('\n').some((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      // 0A is LISTEN: what waits to be forgotten is in nobody's way.
      return local?.endsWith(suffix) === true && (transport === 'udp' || state === '0A');
    });
  });
}
