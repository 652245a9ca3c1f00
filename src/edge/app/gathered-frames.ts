/**
 * The frames that one turn of the event loop has for an application go out together: one system call for
 * many. But never two of one call: drachtio-srf handles all frames of one read before the application's own
 * code goes on, which then misses what comes in a dialog that it has only just been given.
 *
 * Invariant 1: frames are written in the order in which they came.
 */
const CALL_ID = '\r\nCall-ID: ';

export class GatheredFrames {
  #gathered = '';
  /** Whose frames have been gathered; those that name no call are nobody's. */
  readonly #calls = new Set<string>();

  constructor(
    private readonly write: (frames: string) => void,
    /** Calls back at the end of this turn of the loop. */
    private readonly atTheEnd: (action: () => void) => void = setImmediate,
  ) {}

  add(frame: string): void {
    const call = callOf(frame);
    if (call !== undefined && this.#calls.has(call)) this.flush();
    if (this.#gathered === '') this.atTheEnd(() => this.flush());
    if (call !== undefined) this.#calls.add(call);
    this.#gathered += frame;
  }

  flush(): void {
    if (this.#gathered === '') return;
    const frames = this.#gathered;
    this.#gathered = '';
    this.#calls.clear();
    this.write(frames);
  }
}

function callOf(frame: string): string | undefined {
  const at = frame.indexOf(CALL_ID);
  return at === -1 ? undefined : frame.slice(at + CALL_ID.length, frame.indexOf('\r\n', at + CALL_ID.length));
}
