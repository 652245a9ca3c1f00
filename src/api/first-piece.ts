/**
 * A byte stream whose first piece has been read, so that one which fails at once fails before
 * anything was promised to the receiver.
 *
 * Not a generator: one that was never asked for a piece would not pass `return` on, and the file
 * behind it would stay open.
 */
export const withFirstPiece = async (bytes: AsyncIterable<Buffer>): Promise<AsyncIterable<Buffer>> => {
  const iterator = bytes[Symbol.asyncIterator]();
  let first: IteratorResult<Buffer> | undefined = await iterator.next();
  const rest: AsyncIterator<Buffer> = {
    next: () => {
      const piece = first;
      first = undefined;
      return piece === undefined ? iterator.next() : Promise.resolve(piece);
    },
    return: async () => {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => rest };
};
