/** Which datagrams a role gets: native ones where they can be had and are not refused. */
import type { Datagrams } from './datagrams.js';
import { nativeDatagrams } from './native/index.js';
import { nodeDatagrams } from './node-datagrams.js';

export const accelerators = ['auto', 'off'] as const;
export type Accelerator = (typeof accelerators)[number];

/** `descriptors`: a list that whoever started this thread closes when it has died. */
export async function openDatagrams(accelerator: Accelerator = 'auto', descriptors?: SharedArrayBuffer): Promise<Datagrams> {
  return (accelerator === 'auto' ? await nativeDatagrams(descriptors) : undefined) ?? nodeDatagrams;
}
