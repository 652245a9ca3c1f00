/**
 * The edge under fuzz, batch after batch: between batches it must come to rest, with nothing left of
 * what was, and over all of them it must not grow.
 *
 * A batch is determined by its seed. When one fails it is run again, alone, to find how few of its
 * messages are enough, and those are left in a file.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { World } from './world.js';

export interface EdgeOutcome {
  readonly messages: number;
  readonly mutated: number;
  /** INVITEs of which the edge made a transaction. */
  readonly invites: number;
  readonly seconds: number;
  readonly slowestMs: number;
  readonly grownBytes: number;
  readonly failure?: {
    readonly message: string;
    /** What runs it again: the batch's seed, and how many messages of it are enough. */
    readonly seed: number;
    readonly count: number;
    readonly inputs: readonly string[];
  };
}

const BATCH = 20_000;
/** One message that takes this long would let a peer stop the calls. */
const SLOWEST_MS = 500;
/** What may come and go with the garbage collector's moods and the compiler's; a leak of one entry a message would be 100 times as much. */
const GROWTH_BYTES = 16_777_216;
/** Batches before the heap is measured first: until then code is still being compiled. */
const WARM_BATCHES = 10;

interface BatchEnd {
  readonly failure?: string;
  readonly messages: number;
}

async function runBatch(world: World, seed: number, count: number, slowest: { ms: number }): Promise<BatchEnd> {
  const from = world.messages;
  try {
    world.begin(seed);
    let before = performance.now();
    let worked = process.cpuUsage();
    for (let idle = 0, steps = 0; world.messages - from < count && idle < 10_000; steps += 1) {
      const said = world.messages;
      if (steps % 4_096 === 0) worked = process.cpuUsage();
      if (world.step()) await Promise.resolve();
      const now = performance.now();
      if (now - before > slowest.ms) {
        // What others of this machine took of the time is not the message's doing.
        const { user, system } = process.cpuUsage(worked);
        slowest.ms = Math.max(slowest.ms, Math.min(now - before, (user + system) / 1_000));
        if (slowest.ms > SLOWEST_MS) return { failure: `a message took ${Math.round(slowest.ms)} ms`, messages: world.messages - from };
      }
      before = now;
      idle = world.messages === said ? idle + 1 : 0;
      if (world.wrong !== undefined) return { failure: world.wrong, messages: world.messages - from };
    }
    const left = await world.settle();
    return { ...(left === undefined ? {} : { failure: left }), messages: world.messages - from };
  } catch (error) {
    return { failure: error instanceof Error ? error.stack ?? error.message : String(error), messages: world.messages - from };
  }
}

/** The fewest first messages of a batch that are enough for it to fail, by halving; and what they were. */
async function shrink(seed: number, count: number): Promise<{ readonly count: number; readonly message: string; readonly inputs: readonly string[] } | undefined> {
  const attempt = async (messages: number): Promise<{ failure: string | undefined; inputs: readonly string[] }> => {
    const world = watched(new World());
    world.inputs = [];
    const { failure } = await runBatch(world, seed, messages, { ms: 0 });
    return { failure, inputs: world.inputs };
  };
  let enough = count;
  let found = await attempt(enough);
  if (found.failure === undefined) return undefined;
  for (let few = 0; few + 1 < enough;) {
    const middle = (few + enough) >> 1;
    const tried = await attempt(middle);
    if (tried.failure === undefined) few = middle;
    else [enough, found] = [middle, tried];
  }
  return { count: enough, message: found.failure ?? '', inputs: found.inputs };
}

let watching: World | undefined;

/** What a microtask throws reaches nobody else. */
function watched(world: World): World {
  watching = world;
  return world;
}

/** Runs until `seconds` have passed or `count` messages have been given. */
export async function fuzzEdge(seconds: number, count: number, seed: number): Promise<EdgeOutcome> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const onThrow = (error: Error): void => {
    if (watching !== undefined) watching.thrown ??= error;
  };
  process.on('uncaughtException', onThrow);
  const world = watched(new World());
  const startedAt = performance.now();
  const elapsed = (): number => (performance.now() - startedAt) / 1_000;
  const slowest = { ms: 0 };
  let atFirst: number | undefined;
  let grownBytes = 0;
  let failure: EdgeOutcome['failure'];
  for (let batch = 0; failure === undefined && world.messages < count && (batch === 0 || elapsed() < seconds); batch += 1) {
    const batchSeed = (seed + batch) >>> 0;
    const end = await runBatch(world, batchSeed, Math.min(BATCH, count - world.messages), slowest);
    if (end.failure !== undefined) {
      const shrunk = await shrink(batchSeed, end.messages);
      failure = { message: shrunk?.message ?? end.failure, seed: batchSeed, count: shrunk?.count ?? end.messages, inputs: shrunk?.inputs ?? [] };
    } else if (batch % WARM_BATCHES === WARM_BATCHES - 1) {
      collect();
      const { heapUsed } = process.memoryUsage();
      atFirst ??= heapUsed;
      grownBytes = heapUsed - atFirst;
      if (grownBytes > GROWTH_BYTES) failure = { message: `the heap has grown by ${grownBytes} bytes in ${world.messages} messages`, seed, count: world.messages, inputs: [] };
    }
  }
  process.off('uncaughtException', onThrow);
  return {
    messages: world.messages, mutated: world.mutated, invites: world.invites, seconds: elapsed(), slowestMs: slowest.ms, grownBytes,
    ...(failure === undefined ? {} : { failure }),
  };
}
