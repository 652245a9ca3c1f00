/**
 * The edge's sense of time: the base values of RFC 3261 §17 and table 4, and the clock.
 * Both are arguments of everything that waits, so that tests run the same twice and never sleep.
 */
export interface Timing {
  /** Round-trip estimate T1; B, F, H, L, M, J and the wait for an ACK are 64 of it. */
  readonly t1Ms: number;
  /** Cap of retransmission intervals of non-INVITE requests and INVITE responses. */
  readonly t2Ms: number;
  /** How long a message stays in the network. */
  readonly t4Ms: number;
  /** Timer C of a proxied INVITE (RFC 3261 §16.6 step 11). */
  readonly timerCMs: number;
  /** How long an application may leave a request without any answer. */
  readonly unansweredMs: number;
  /** How long an INVITE may ring on either side of the application. */
  readonly ringingMs: number;
  /** How long the dialogs of an application that is gone wait for its return. */
  readonly orphanMs: number;
  /** How long an application may take to accept a connection of the edge's and to authenticate. */
  readonly outboundMs: number;
  /** How long a service may take to say where a request goes. */
  readonly routingMs: number;
}

export const standardTiming: Timing = {
  t1Ms: 500,
  t2Ms: 4_000,
  t4Ms: 5_000,
  timerCMs: 185_000,
  unansweredMs: 64_000,
  ringingMs: 900_000,
  orphanMs: 120_000,
  outboundMs: 3_000,
  routingMs: 3_000,
};

/** Calls off a timer; does nothing when it has fired. */
export type CancelTimer = () => void;

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  after(ms: number, run: () => void): CancelTimer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** UTC time of day as the drachtio protocol writes it: `HH:MM:SS.uuuuuu`. */
export const timeOfDay = (epochMs: number): string => `${new Date(epochMs).toISOString().slice(11, 23)}000`;
