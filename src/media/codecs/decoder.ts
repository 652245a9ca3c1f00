/** Turns payloads of one stream into samples. One a stream: a codec may carry state from packet to packet. */
export interface Decoder {
  /**
   * Writes the samples of a payload into `out` from `at` on, asserts that they fit, and returns how many: none for a
   * payload that is no such codec's.
   */
  decode(payload: Buffer, out: Int16Array, at: number): number;
  close(): void;
}
