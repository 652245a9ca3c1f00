/**
 * What a family of suites does to one packet: encrypts and authenticates, or undoes both.
 *
 * Owns       the interface between packet cryptography and the state per source.
 * Leaves to  receiver.ts and sender.ts bounds, indices, MKI and replay; to the families the octets.
 */
export interface Transform {
  /** Fills `out`, a whole protected packet, from a packet in clear; all but the MKI. */
  sealRtp(packet: Buffer, headerBytes: number, rollOver: number, out: Buffer): void;
  /** The packet in clear in a new buffer; undefined if it is not authentic. The caller has checked its length. */
  openRtp(packet: Buffer, headerBytes: number, rollOver: number): Buffer | undefined;
  /** As `sealRtp`. @param indexWord encryption flag and SRTCP index */
  sealRtcp(packet: Buffer, indexWord: number, out: Buffer): void;
  /** As `openRtp`. @param indexWord as it stands in the packet */
  openRtcp(packet: Buffer, indexWord: number): Buffer | undefined;
}
