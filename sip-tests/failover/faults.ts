/** What becomes of the recorder that has the calls, and how it comes back. */
import { limitFiles } from '../../src/capture/full-disk.fixture.js';
import { metric, until } from '../support/product.js';
import type { Fleet } from './fleet.js';

export interface Fault {
  /** In words. */
  readonly what: string;
  inject(fleet: Fleet): Promise<void>;
  /** When the calls are over. */
  undo(fleet: Fleet): Promise<void>;
  /** It needs a network that can be cut. */
  readonly isOfNetwork?: boolean;
}

const done = (work: () => void): Promise<void> => {
  work();
  return Promise.resolve();
};

/** Below what its journal of captures has by then. */
const diskBytes = 4_096;

export const faults = {
  kill: {
    what: 'its process is killed',
    inject: ({ recorders: [first] }) => first.product.kill(),
    undo: ({ recorders: [first] }) => first.start(),
  },
  stop: {
    what: 'its process hangs',
    inject: (fleet) => done(() => fleet.recorders[0].product.signal('SIGSTOP')),
    undo: (fleet) => done(() => fleet.recorders[0].product.signal('SIGCONT')),
  },
  cut: {
    what: 'its network is cut',
    inject: async ({ network }) => network?.cut(),
    undo: async ({ network }) => network?.mend(),
    isOfNetwork: true,
  },
  disk: {
    what: 'its disk takes no more',
    inject: (fleet) => done(() => limitFiles(fleet.recorders[0].product.pid, diskBytes)),
    undo: (fleet) => done(() => limitFiles(fleet.recorders[0].product.pid, undefined)),
  },
  drain: {
    what: 'it is drained and stopped',
    inject: async ({ recorders: [first] }) => {
      if ((await first.product.stop()) !== 0) throw new Error(`the recorder did not stop well: ${first.product.log().slice(-2_000)}`);
    },
    undo: ({ recorders: [first] }) => first.start(),
  },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;

/** When it has all of them. */
export const hasAll = ({ recorders }: Fleet, calls: number, which: 0 | 1 = 0): Promise<void> =>
  until(async () => (await metric(recorders[which].workspace, 'twintrack_captures_open')) >= calls, `recorder ${which + 1} has ${calls} calls`);

/** Both recorders are asked again, and have closed what they had. */
export async function areBack({ proxy, recorders }: Fleet): Promise<void> {
  for (const { uri, workspace } of recorders) {
    await until(async () => (await metric(proxy, `twintrack_recorder_up{recorder="${uri}"}`)) === 1, `${uri} is back`);
    await until(async () => (await metric(workspace, 'twintrack_captures_open')) === 0, 'and has closed what it had');
  }
}
