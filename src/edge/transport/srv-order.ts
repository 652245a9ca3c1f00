/** The order in which the servers of an SRV answer are tried (RFC 2782). Pure but for the draw it is given. */

export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** A number from 0 to below 1. */
export type Draw = () => number;

/** The same number for the same text: for a stateless proxy, whose repeated requests must take the same way (RFC 3263 §4.2). */
export function drawFrom(text: string): Draw {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193) >>> 0;
  const drawn = hash / 2 ** 32;
  return () => drawn;
}

/**
 * Lower priorities first; within one, each next server is drawn with a chance in proportion to its
 * weight. A weight of 0 is taken only as far as the draw leaves nothing else.
 */
export function orderServers<R extends Pick<SrvRecord, 'priority' | 'weight'>>(records: readonly R[], draw: Draw): R[] {
  // Zero weights first, as RFC 2782 has them, so that a draw of 0 can reach them.
  const left = [...records].sort((a, b) => a.priority - b.priority || Math.min(a.weight, 1) - Math.min(b.weight, 1));
  const ordered: R[] = [];
  for (;;) {
    const [first] = left;
    if (first === undefined) return ordered;
    const group = left.filter((each) => each.priority === first.priority);
    const sum = group.reduce((total, each) => total + each.weight, 0);
    const mark = Math.floor(draw() * (sum + 1));
    let running = 0;
    const chosen = group.find((each) => (running += each.weight) >= mark) ?? first;
    ordered.push(chosen);
    left.splice(left.indexOf(chosen), 1);
  }
}
