/**
 * NTP timestamps (RFC 3550 §4) and Unix time.
 *
 * An NTP timestamp is 64 bits: seconds since 1900, then fractions of 2^-32 s. Its seconds wrap in
 * February 2036; those without the highest bit count from there (RFC 4330 §3), so 1968 to 2104 is covered.
 * A double of today's milliseconds is good to 0.25 µs, which bounds the precision.
 */
const secondsFrom1900To1970 = 2_208_988_800;
const secondsInEra = 0x1_0000_0000;

/** @param ms milliseconds since 1970, fractions included */
export function ntpFromUnixMs(ms: number): bigint {
  const seconds = Math.floor(ms / 1000);
  const fraction = Math.round(((ms - seconds * 1000) / 1000) * 0x1_0000_0000);
  return BigInt.asUintN(64, (BigInt(seconds + secondsFrom1900To1970) << 32n) + BigInt(fraction));
}

/** @returns milliseconds since 1970, fractions included */
export function unixMsFromNtp(ntp: bigint): number {
  const seconds = Number(ntp >> 32n);
  const era = seconds < 0x8000_0000 ? secondsInEra : 0;
  return (seconds + era - secondsFrom1900To1970) * 1000 + (Number(ntp & 0xffff_ffffn) * 1000) / 0x1_0000_0000;
}

/** The middle 32 bits, as a report block names a sender report (RFC 3550 §6.4.1, LSR). */
export const compactNtp = (ntp: bigint): number => Number((ntp >> 16n) & 0xffff_ffffn);
