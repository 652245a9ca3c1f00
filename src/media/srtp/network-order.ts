/** Words of 32 bits in the order of the network. */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export const inNetworkOrder = (word: number): number => (isLittleEndian ? swap(word) : word);

const swap = (word: number): number => ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
