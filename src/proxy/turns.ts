/** Work that is done one after the other, in the order in which it was asked for; what fails holds nothing up. */
export class Turns {
  #last: Promise<void>;

  constructor(first: Promise<void> = Promise.resolve()) {
    this.#last = first;
  }

  take<T>(work: () => Promise<T> | T): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.then(nothing, nothing);
    return result;
  }
}

const nothing = (): void => undefined;
