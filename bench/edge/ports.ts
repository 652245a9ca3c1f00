/** Ports of 127.0.0.1 for the bench: below those that the system gives away, so that a free one stays free. */
import { portTaken } from '../process-usage.js';

const first = 16_000;
const last = 29_999;

let next = first + Math.floor(Math.random() * (last - first));

/** A port that is free for UDP and TCP, and was not taken before by this process within the last 14,000. */
export function takePort(): number {
  for (let tried = 0; tried <= last - first; tried += 1) {
    next = next >= last ? first : next + 1;
    if (!portTaken('udp', next) && !portTaken('tcp', next)) return next;
  }
  throw new Error(`no port from ${first} to ${last} is free`);
}
