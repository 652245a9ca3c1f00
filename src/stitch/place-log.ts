/**
 * Where each packet of a source lies, as the first reading of its captures has found it: pure.
 *
 * Packets are known by their order, which is the same in both readings. Nearly all lie right behind the one before, so only
 * where one does not is written down: a call of hours costs no more than its losses and pauses. A `Segment` is only told
 * from others here.
 */

/** From that packet on each lies behind the one before it; without a segment they have no place. */
interface Run<Segment> {
  readonly from: number;
  readonly segment: Segment | undefined;
  readonly offsetTicks: number;
}

export class PlaceLog<Segment> {
  readonly #runs: Run<Segment>[] = [];
  /** Packets whose place was found only when a later one had come. */
  readonly #later = new Map<number, Run<Segment>>();
  #count = 0;
  #segment: Segment | undefined;
  #nextTicks = 0;

  /** How many packets there were. */
  get count(): number {
    return this.#count;
  }

  /** The next packet has no place. */
  none(): void {
    this.#note(undefined, 0);
  }

  place(segment: Segment, offsetTicks: number, durationTicks: number): void {
    this.#note(segment, offsetTicks);
    this.#nextTicks = offsetTicks + durationTicks;
  }

  /** The place of one that had none, counted from 0. */
  placeLater(packet: number, segment: Segment, offsetTicks: number): void {
    this.#later.set(packet, { from: packet, segment, offsetTicks });
  }

  read(): PlaceReader<Segment> {
    return new PlaceReader(this.#runs, this.#later);
  }

  #note(segment: Segment | undefined, offsetTicks: number): void {
    if (this.#count === 0 || segment !== this.#segment || (segment !== undefined && offsetTicks !== this.#nextTicks)) {
      this.#runs.push({ from: this.#count, segment, offsetTicks });
      this.#segment = segment;
    }
    this.#count += 1;
  }
}

/** The places of a source's packets, one after the other. */
export class PlaceReader<Segment> {
  /** Of the packet that was asked for last; undefined where it has no place. */
  segment: Segment | undefined;
  /** From the packet that began the segment; negative for one before it. */
  offsetTicks = 0;
  readonly #runs: readonly Run<Segment>[];
  readonly #later: ReadonlyMap<number, Run<Segment>>;
  #packet = -1;
  #run = -1;
  #nextFrom = 0;
  /** Where the next one of this run lies. */
  #runSegment: Segment | undefined;
  #runTicks = 0;

  constructor(runs: readonly Run<Segment>[], later: ReadonlyMap<number, Run<Segment>>) {
    this.#runs = runs;
    this.#later = later;
    this.#nextFrom = runs[0]?.from ?? Number.POSITIVE_INFINITY;
  }

  /** @param durationTicks of the packet that comes next */
  next(durationTicks: number): void {
    this.#packet += 1;
    if (this.#packet === this.#nextFrom) this.#nextRun();
    this.segment = this.#runSegment;
    this.offsetTicks = this.#runTicks;
    this.#runTicks += durationTicks;
    const later = this.#later.size === 0 ? undefined : this.#later.get(this.#packet);
    if (later === undefined) return;
    this.segment = later.segment;
    this.offsetTicks = later.offsetTicks;
  }

  #nextRun(): void {
    this.#run += 1;
    const run = this.#runs[this.#run];
    this.#runSegment = run?.segment;
    this.#runTicks = run?.offsetTicks ?? 0;
    this.#nextFrom = this.#runs[this.#run + 1]?.from ?? Number.POSITIVE_INFINITY;
  }
}
