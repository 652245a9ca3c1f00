/** Which datagrams a role gets: native ones where they can be had and are not refused. */
import type { Datagrams } from './datagrams.js';
import { nativeDatagrams, type DatagramShare } from './native/index.js';
import { nodeDatagrams } from './node-datagrams.js';

export const accelerators = ['auto', 'off'] as const;
export type Accelerator = (typeof accelerators)[number];

/** `share`: of whoever started this thread, which closes what is left open when it has died. */
export async function openDatagrams(accelerator: Accelerator = 'auto', share?: DatagramShare): Promise<Datagrams> {
  return (accelerator === 'auto' ? await nativeDatagrams(share) : undefined) ?? nodeDatagrams;
}
