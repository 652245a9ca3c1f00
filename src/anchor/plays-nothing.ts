/** A sound where the anchor has no way to play one: it is told at once. */
import type { Play, Playing } from './door.js';

export const playsNothing = ({ to }: Pick<Play, 'to'>): Playing => ({
  stop: () => undefined,
  ended: Promise.resolve(Object.fromEntries(to.map((side) => [side, 'anchor']))),
});
