/** The machine that figures come from: without it they mean nothing. */
import { availableParallelism, cpus, loadavg, release, totalmem, type as system } from 'node:os';

export const describeMachine = () => ({
  cores: availableParallelism(),
  model: cpus()[0]?.model ?? 'unknown',
  memoryBytes: totalmem(),
  kernel: `${system()} ${release()}`,
  node: process.version,
  /** Of the last minute: what else runs spoils every figure. */
  loadAverageBefore: loadavg()[0] ?? 0,
});
