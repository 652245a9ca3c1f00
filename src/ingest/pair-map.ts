/** Values by two numbers, source and target, without a key to be put together for each look. */
export class PairMap<V> {
  readonly #bySource = new Map<number, Map<number, V>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(source: number, target: number): V | undefined {
    return this.#bySource.get(source)?.get(target);
  }

  set(source: number, target: number, value: V): void {
    let targets = this.#bySource.get(source);
    if (targets === undefined) this.#bySource.set(source, (targets = new Map<number, V>()));
    if (!targets.has(target)) this.#size += 1;
    targets.set(target, value);
  }

  delete(source: number, target: number): void {
    const targets = this.#bySource.get(source);
    if (targets?.delete(target) !== true) return;
    this.#size -= 1;
    if (targets.size === 0) this.#bySource.delete(source);
  }

  *values(): Generator<V> {
    for (const targets of this.#bySource.values()) yield* targets.values();
  }

  /** Removes those for which `isOver` says so; the map may be asked for others meanwhile. */
  removeWhere(isOver: (value: V) => boolean): void {
    for (const [source, targets] of this.#bySource) {
      for (const [target, value] of targets) if (isOver(value)) this.delete(source, target);
    }
  }
}
