/** The machine that figures come from: without it they mean nothing. */
import { availableParallelism, cpus, release, totalmem, type as system } from 'node:os';

export const describeMachine = () => ({
  cores: availableParallelism(),
  model: cpus()[0]?.model ?? 'unknown',
  memoryBytes: totalmem(),
  kernel: `${system()} ${release()}`,
  node: process.version,
});
