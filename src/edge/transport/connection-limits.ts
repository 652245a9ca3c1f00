/** How long connections may take and how many there may be: one set of bounds for TCP and TLS. */
export interface ConnectionLimits {
  /** Connections of a listener, in both directions. */
  readonly maxConnections: number;
  /** Of these, accepted from one address: nobody takes them all. */
  readonly maxPerSource: number;
  /** How long a connection may stay silent once it has carried a message. */
  readonly idleMs: number;
  /** How long a peer may take to begin its first message, and to finish any, however it trickles. */
  readonly partialMs: number;
  /** How long it may take to connect, and to shake hands. */
  readonly connectMs: number;
  /** Bytes that may wait for a peer that does not read, or is not connected yet: some seconds of a busy trunk. */
  readonly unsentBytes: number;
  /** Bytes that may wait in all connections of a listener; beyond that, a connection with much to wait is closed. */
  readonly allUnsentBytes: number;
}

export const standardLimits: ConnectionLimits = {
  maxConnections: 4_096,
  maxPerSource: 256,
  idleMs: 3_600_000,
  partialMs: 30_000,
  connectMs: 8_000,
  unsentBytes: 16_777_216,
  allUnsentBytes: 134_217_728,
};
