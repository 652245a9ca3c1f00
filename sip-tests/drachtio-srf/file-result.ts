/** What came of one file of the suite, as the testbed tells it. */
import type { TapCounts } from './tap-counts.js';

export interface FileResult extends TapCounts {
  readonly name: string;
  /** The exit status of its process; null when it was ended from outside. */
  readonly status: number | null;
  readonly ms: number;
  /** What it printed last, when it did not pass. */
  readonly output?: string;
}
