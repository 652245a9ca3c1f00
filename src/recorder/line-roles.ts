/**
 * Which line brings the caller, which the callee: pure.
 *
 * Where nobody says who called, the first line is the caller's. A line keeps its role for the whole session. Where a
 * client ends a line and offers another in its place, as for a transfer (RFC 7866 §8.1.3), the new one has the role that
 * became free, so that who comes in stands where who left stood.
 */
export type LineRole = 'caller' | 'callee' | 'other';

export interface CastLine {
  /** Place among the m-lines. */
  readonly index: number;
  /** What the client says of its speaker; undefined when it says nothing. */
  readonly calling?: boolean | undefined;
}

const leading = ['caller', 'callee'] as const;

/**
 * @param before roles of the session so far, of lines that ended too
 * @param lines those that there are now, in order
 */
export function castLines(before: ReadonlyMap<number, LineRole>, lines: readonly CastLine[]): ReadonlyMap<number, LineRole> {
  const cast = new Map<number, LineRole>();
  for (const { index } of lines) {
    const role = before.get(index);
    if (role !== undefined) cast.set(index, role);
  }
  const taken = new Set(cast.values());
  const free = leading.filter((role) => !taken.has(role));
  const fresh = lines.filter(({ index }) => !cast.has(index));
  // Only at the beginning is the question who called; later whoever comes in takes the free place.
  const [only] = lines;
  // Half of a call, whose other half another recorder has.
  if (before.size === 0 && lines.length === 1 && only?.calling === false) return new Map([[only.index, 'callee']]);
  const callers = before.size === 0 && lines.length > 1 ? fresh.filter(({ calling }) => calling === true) : [];
  const ordered = callers.length === 1 ? [...callers, ...fresh.filter((line) => line !== callers[0])] : fresh;
  for (const { index } of ordered) cast.set(index, free.shift() ?? 'other');
  return cast;
}
