/**
 * What a transaction state machine is: a table that is data, and the pure step over it.
 *
 * A pair of state and event that the table does not have is a late or duplicate message; it
 * yields undefined and nothing happens.
 */

export type TimerName = 'A' | 'B' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I' | 'J' | 'K' | 'L' | 'M';

export type MachineState =
  | 'calling' | 'trying' | 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated';

/**
 * What can happen to a transaction. `received…` comes off the wire, `send…` from the user of a
 * server transaction, a timer's name when it fires, `unsent` when the transport gives up.
 */
export type MachineEvent =
  | 'received-1xx' | 'received-2xx' | 'received-failure' | 'received-request' | 'received-ack'
  | 'send-1xx' | 'send-2xx' | 'send-failure' | 'unsent' | TimerName;

/**
 * What the owner owes: `send` the message given with the event, `resend` the last one sent,
 * `ack` the failure just received, `pass` it to the user, tell the user of a `timeout`, that
 * nothing could be sent (`unreachable`), or that a failure was never acknowledged (`no-ack`).
 */
export type MachineEffect = 'send' | 'resend' | 'ack' | 'pass' | 'timeout' | 'unreachable' | 'no-ack';

export type Transition = readonly [next: MachineState, ...effects: MachineEffect[]];

export interface Machine {
  readonly name: 'invite-client' | 'client' | 'invite-server' | 'server';
  readonly initial: MachineState;
  readonly table: Readonly<Partial<Record<MachineState, Readonly<Partial<Record<MachineEvent, Transition>>>>>>;
  /** The timers that run in a state: armed on entry, called off on leaving. */
  readonly timers: Readonly<Partial<Record<MachineState, readonly TimerName[]>>>;
}

export const step = (machine: Machine, state: MachineState, event: MachineEvent): Transition | undefined =>
  machine.table[state]?.[event];

/** The states in which a machine may have to send its last message again; in all others it need not be kept. */
const resending = new WeakMap<Machine, ReadonlySet<MachineState>>();

export function resends(machine: Machine, state: MachineState): boolean {
  let states = resending.get(machine);
  if (states === undefined) {
    const rows = Object.entries(machine.table) as [MachineState, Readonly<Partial<Record<MachineEvent, Transition>>>][];
    states = new Set(rows.filter(([, row]) => Object.values(row).some(([, ...effects]) => effects.includes('resend'))).map(([name]) => name));
    resending.set(machine, states);
  }
  return states.has(state);
}
