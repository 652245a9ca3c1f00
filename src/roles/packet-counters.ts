/**
 * Packet counts on their way to the metrics: plain numbers, handed over once a second, because a labelled
 * counter costs more than the packet it counts.
 */
import type { AnchorObserver, RelayDropReason } from '../anchor/index.js';
import type { Metrics } from '../ops/index.js';

const everyMs = 1_000;

/** The recorder's side of counting; the same shape as its IntakeObserver. */
interface IntakeCounts {
  received(): void;
  rejected(reason: 'malformed' | 'unknown-source'): void;
}

export interface PacketCounters {
  readonly relay: AnchorObserver;
  readonly intake: IntakeCounts;
  /** Hands over what is left and stops. */
  close(): void;
}

type Sink = Pick<Metrics, 'relayPackets' | 'relayDropped' | 'recorderPacketsReceived' | 'recorderPacketsRejected'>;

export function openPacketCounters(metrics: Sink): PacketCounters {
  let fromCaller = 0;
  let fromCallee = 0;
  let received = 0;
  const dropped: Record<RelayDropReason, number> = { 'no-target': 0, 'unknown-source': 0, 'queue-full': 0, 'send-failed': 0 };
  const rejected = { malformed: 0, 'unknown-source': 0 };

  const handOver = (): void => {
    if (fromCaller > 0) metrics.relayPackets('caller-to-callee', fromCaller);
    if (fromCallee > 0) metrics.relayPackets('callee-to-caller', fromCallee);
    if (received > 0) metrics.recorderPacketsReceived(received);
    fromCaller = fromCallee = received = 0;
    for (const reason of Object.keys(dropped) as RelayDropReason[]) {
      if (dropped[reason] > 0) metrics.relayDropped(reason, dropped[reason]);
      dropped[reason] = 0;
    }
    for (const reason of Object.keys(rejected) as (keyof typeof rejected)[]) {
      if (rejected[reason] > 0) metrics.recorderPacketsRejected(reason, rejected[reason]);
      rejected[reason] = 0;
    }
  };
  const timer = setInterval(handOver, everyMs);
  return {
    relay: {
      relayed: (from) => {
        if (from === 'caller') fromCaller += 1;
        else fromCallee += 1;
      },
      dropped: (reason) => (dropped[reason] += 1),
    },
    intake: {
      received: () => (received += 1),
      rejected: (reason) => (rejected[reason] += 1),
    },
    close() {
      clearInterval(timer);
      handOver();
    },
  };
}
