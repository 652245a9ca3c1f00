/** A recording against what was sent: pure. */

export interface ChannelMatch {
  /** Samples that were sent. */
  readonly sent: number;
  /** Of those, how many stand in the recording at their place, with their value. */
  readonly identical: number;
}

/**
 * @param recording 16-bit little-endian samples, channels interleaved
 * @param from frame at which the channel's first sample should stand
 */
export function matchChannel(recording: Buffer, channels: number, channel: number, from: number, sent: Int16Array): ChannelMatch {
  let identical = 0;
  for (let n = 0; n < sent.length; n += 1) {
    const at = ((from + n) * channels + channel) * 2;
    if (at + 2 <= recording.length && recording.readInt16LE(at) === sent[n]) identical += 1;
  }
  return { sent: sent.length, identical };
}
