/**
 * Port ranges and addresses that tests which run beside each other do not share: those that run at once are numbered
 * (TAP_JOB_ID), and each number has ranges of its own, of which every workspace of a test takes the next part.
 */
export type PortRange = readonly [first: number, last: number];

const atOnce = 2;
const job = Number(process.env['TAP_JOB_ID'] ?? 0) % atOnce;

const perJob = 5_000;
const relayFrom = 20_000;
const recorderFrom = 30_000;
const sippFrom = 46_000;
const partPorts = 1_000;

const part = (from: number, offset: number, ports: number): PortRange => {
  const first = from + job * perJob + offset;
  return [first, first + ports - 1];
};

/** Two runs at once on one machine begin at different parts, and seldom meet. */
let taken = Math.floor(Math.random() * (perJob / partPorts));

/** For relay and recorder of one more product. */
export function mediaPorts(): { readonly relay: PortRange; readonly recorder: PortRange } {
  const offset = (taken % (perJob / partPorts)) * partPorts;
  taken += 1;
  return { relay: part(relayFrom, offset, partPorts), recorder: part(recorderFrom, offset, partPorts) };
}

/** For a relay with more calls than the usual part has room for: out of all that this test has. */
export const relayPortsAt = (offset: number, ports: number): PortRange => part(relayFrom, offset, ports);

/** First media port of one of four SIPps, for a hundred calls each. */
export const sippMediaPort = (which: 0 | 1 | 2 | 3): number => sippFrom + job * 2_000 + which * 500;

/** An address of this machine for a SIP port of fixed number. */
export const loopbackAddress = (net: 0 | 1, host: number): string => `127.0.${10 + 2 * job + net}.${host}`;
