/**
 * Whether a recorder may take another session: room on the disk, descriptors, ports.
 *
 * New sessions are refused before what runs is harmed. Room and descriptors are looked at every two seconds; what shows
 * only when a session is opened (ports, a disk that is gone) is an alarm until one opens again.
 *
 * Owns       those alarms: each is told once when it begins, and once when it ends.
 * Leaves to  recorder.ts the 503; capture/ a capture that fails while it is written.
 */
import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { Failure, messageOf } from '../errors/index.js';

export type Shortage = 'disk' | 'ports' | 'descriptors' | 'other';

export interface CapacityProbes {
  /** Bytes that may still be written in the folder. */
  freeBytes(folder: string): Promise<number>;
  /** Undefined where the system does not tell. */
  descriptors(): Promise<{ readonly open: number; readonly limit: number } | undefined>;
}

export interface CapacityOptions {
  readonly folder: string;
  readonly leastFreeBytes: number;
  readonly onChange: (shortage: Shortage, detail: string | undefined) => void;
  readonly probes?: CapacityProbes;
  readonly lookEveryMs?: number;
  readonly answerWithinMs?: number;
}

/** A recorded call takes about 16, and what runs needs some, too. */
const sparedDescriptors = 128;

export class Capacity {
  readonly #options: Required<CapacityOptions>;
  readonly #alarms = new Map<Shortage, { detail: string; seen: 'looking' | 'opening' }>();
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | undefined;
  /** As of the last look; undefined while it is not known. */
  #freeBytes: number | undefined;

  constructor(options: CapacityOptions) {
    this.#options = { probes: systemProbes, lookEveryMs: 2_000, answerWithinMs: 5_000, ...options };
    this.#timer = setInterval(() => void this.look(), this.#options.lookEveryMs);
    this.#timer.unref();
  }

  /** What forbids another session before it is tried; undefined when nothing does. */
  get refusal(): { shortage: Shortage; detail: string } | undefined {
    for (const [shortage, { detail, seen }] of this.#alarms) if (seen === 'looking') return { shortage, detail };
    return undefined;
  }

  /** Megabytes that captures may still take, before new sessions are refused. */
  get freeMb(): number | undefined {
    return this.#freeBytes === undefined ? undefined : Math.max(0, megabytes(this.#freeBytes - this.#options.leastFreeBytes));
  }

  /** All that is wrong, in words. */
  get alarms(): readonly string[] {
    return [...this.#alarms.values()].map(({ detail }) => detail);
  }

  /** Looks now; resolves when it has seen. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  /** A session could not be opened. Gives for want of what. */
  failed(error: unknown): Shortage {
    const shortage = shortageOf(error);
    this.#raise(shortage, messageOf(error), 'opening');
    return shortage;
  }

  opened(): void {
    for (const [shortage, { seen }] of this.#alarms) if (seen === 'opening') this.#clear(shortage);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { folder, leastFreeBytes, probes } = this.#options;
    try {
      const free = await this.#within(probes.freeBytes(folder));
      this.#freeBytes = free;
      if (free < leastFreeBytes) this.#raise('disk', `only ${megabytes(free)} MB are free where captures are written, ${megabytes(leastFreeBytes)} are to stay: make room, or lower recorder.minFreeMb`, 'looking');
      else this.#seenWell('disk');
    } catch (error) {
      this.#freeBytes = undefined;
      this.#raise('disk', `the folder of the captures is not to be had (${messageOf(error)}): see to its disk`, 'looking');
    }
    const files = await probes.descriptors().catch(() => undefined);
    if (files !== undefined && files.limit - files.open < Math.min(sparedDescriptors, files.limit / 4)) {
      this.#raise('descriptors', `${files.open} of ${files.limit} descriptors are open: raise the limit of the process (LimitNOFILE, ulimit -n)`, 'looking');
    } else this.#seenWell('descriptors');
  }

  async #within<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`it did not answer within ${this.#options.answerWithinMs} ms`)), this.#options.answerWithinMs);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #raise(shortage: Shortage, detail: string, seen: 'looking' | 'opening'): void {
    const known = this.#alarms.get(shortage);
    // What is seen by looking is not taken back by a session that opens all the same.
    this.#alarms.set(shortage, { detail, seen: known?.seen === 'looking' ? 'looking' : seen });
    if (known === undefined) this.#options.onChange(shortage, detail);
  }

  #seenWell(shortage: Shortage): void {
    if (this.#alarms.get(shortage)?.seen === 'looking') this.#clear(shortage);
  }

  #clear(shortage: Shortage): void {
    if (this.#alarms.delete(shortage)) this.#options.onChange(shortage, undefined);
  }
}

const megabytes = (bytes: number): number => Math.floor(bytes / 1_000_000);

function shortageOf(error: unknown): Shortage {
  if (!(error instanceof Failure)) return 'other';
  const { errno } = error.facts;
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
  if (errno === 'EMFILE' || errno === 'ENFILE' || code === 'EMFILE' || code === 'ENFILE') return 'descriptors';
  if (error.code === 'PORTS_EXHAUSTED') return 'ports';
  return error.code === 'CAPTURE_WRITE' ? 'disk' : 'other';
}

const systemProbes: CapacityProbes = {
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  async descriptors() {
    try {
      const [{ size }, limits] = await Promise.all([stat('/proc/self/fd'), readFile('/proc/self/limits', 'utf8')]);
      const limit = Number(/^Max open files\s+(\d+)/mu.exec(limits)?.[1]);
      // Linux 6.2 tells by the size how many there are; before, each has to be listed.
      const open = size > 0 ? size : (await readdir('/proc/self/fd')).length;
      return Number.isInteger(limit) ? { open, limit } : undefined;
    } catch {
      return undefined;
    }
  },
};
