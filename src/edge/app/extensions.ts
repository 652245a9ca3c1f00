/**
 * What an application can ask of this edge and not of drachtio-server: headers that travel between the two and
 * never to a peer. drachtio-server would send them on, so an application says them only where it knows the edge.
 */

/** In an application's INVITE: after so many milliseconds without any response, 100 included, it counts as timed out. */
export const answerWithin = 'X-Twintrack-Answer-Within';
/**
 * In a proxy command: the next target is for one that fails, not for one that refuses. It is tried on 503, 408, and
 * when nothing comes or nothing can be sent; not once a provisional response above 100 went back, and not when so
 * many milliseconds have passed.
 */
export const failover = 'X-Twintrack-Failover';
/** In a proxy command: the target takes the place of the Request-URI, whosever that is. */
export const retarget = 'X-Twintrack-Retarget';
/** In a proxy command: headers that are not forwarded, separated by commas. */
export const strip = 'X-Twintrack-Strip';
/** In a request for an application: the names of the peer's certificate, separated by commas. */
export const tlsIdentity = 'X-Twintrack-TLS-Identity';

/** As compared. */
export const keyOf = (name: string): string => name.toLowerCase();

/** The longest that a timer runs: about 24 days. */
const MAX_MS = 0x7fff_ffff;

/** Milliseconds out of such a header; undefined for what is none. */
export function millisecondsOf(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d{1,10}$/u.test(value)) return undefined;
  const ms = Number(value);
  return ms >= 1 && ms <= MAX_MS ? ms : undefined;
}
