/**
 * A packet with a sample more or less than it came with: how a sender's clock is followed. Pure.
 *
 * At 50 parts a million that is a sample every 2.5 s of 8,000 Hz. It is left out, or said twice, where two neighbours
 * differ least: nobody hears it, all others stay as they were sent, and no filter has to run over hours of audio.
 */

/** More than that share of a packet is no clock's drift. */
const mostShare = 1 / 8;

/**
 * Changes `samples` so that the first `wanted` are the packet's `count`; the buffer has room for either.
 * @param valueOf what a sample sounds like, where samples are codes
 * @returns how many there are now: `count` when they are too far apart
 */
export function fitLength(samples: Int16Array, count: number, wanted: number, valueOf: (sample: number) => number = (sample) => sample): number {
  if (Math.abs(wanted - count) > count * mostShare) return count;
  let length = count;
  while (length !== wanted) {
    const at = smoothest(samples, length, valueOf);
    if (length > wanted) {
      samples.copyWithin(at, at + 1, length);
      length -= 1;
    } else {
      samples.copyWithin(at + 1, at, length);
      length += 1;
    }
  }
  return length;
}

/** The sample that differs least from the one before it. */
function smoothest(samples: Int16Array, length: number, valueOf: (sample: number) => number): number {
  let [found, least] = [0, Number.POSITIVE_INFINITY];
  for (let at = 1; at < length; at += 1) {
    const difference = Math.abs(valueOf(samples[at] ?? 0) - valueOf(samples[at - 1] ?? 0));
    if (difference >= least) continue;
    [found, least] = [at, difference];
    if (least === 0) break;
  }
  return found;
}
