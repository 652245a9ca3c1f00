/** Whether both ends of a test call heard all that the other said. */
import type { Test } from 'tap';
import type { TestCallResult } from '../../src/testcall/index.js';

export function isHeardWhole(t: Test, { caller, callee }: TestCallResult): void {
  t.strictSame([caller.heardPackets, caller.heardDamaged], [callee.sentPackets, 0]);
  t.strictSame([callee.heardPackets, callee.heardDamaged], [caller.sentPackets, 0]);
}
