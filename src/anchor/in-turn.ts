/** Lets what is done go one after the other, whatever becomes of it. */
export class InTurn {
  #last: Promise<unknown> = Promise.resolve();

  /** Resolves or rejects as `act`, which begins when all before have ended. */
  readonly run = <T>(act: () => Promise<T>): Promise<T> => {
    const next = this.#last.then(act, act);
    this.#last = next.catch(() => undefined);
    return next;
  };
}
