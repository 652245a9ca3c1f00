/**
 * Packet counts on their way to the metrics: plain numbers, handed over once a second, because a labelled
 * counter costs more than the packet it counts.
 */
import type { RelayDropReason, RelayPackets } from '../anchor/index.js';
import type { Metrics } from '../ops/index.js';

const everyMs = 1_000;

/** The recorder's side of counting; the same shape as its IntakeObserver. */
interface IntakeCounts {
  received(): void;
  rejected(reason: 'malformed' | 'unknown-source'): void;
}

export interface PacketCounters {
  /** Has the anchor's counts looked at from now on. */
  watch(packets: () => RelayPackets): void;
  readonly intake: IntakeCounts;
  /** Hands over what is left and stops. */
  close(): void;
}

type Sink = Pick<Metrics, 'relayPackets' | 'relayDropped' | 'recorderPacketsReceived' | 'recorderPacketsRejected'>;

export function openPacketCounters(metrics: Sink): PacketCounters {
  let relay: (() => RelayPackets) | undefined;
  const told = new Map<string, number>();
  let received = 0;
  const rejected = { malformed: 0, 'unknown-source': 0 };

  /** What has come since it was last told. */
  const tellNew = (what: string, count: number, tell: (by: number) => void): void => {
    const by = count - (told.get(what) ?? 0);
    told.set(what, count);
    if (by > 0) tell(by);
  };

  const handOver = (): void => {
    const packets = relay?.();
    if (packets !== undefined) {
      tellNew('caller', packets.relayed.caller, (by) => metrics.relayPackets('caller-to-callee', by));
      tellNew('callee', packets.relayed.callee, (by) => metrics.relayPackets('callee-to-caller', by));
      for (const [reason, count] of Object.entries(packets.dropped)) tellNew(reason, count, (by) => metrics.relayDropped(reason as RelayDropReason, by));
    }
    if (received > 0) metrics.recorderPacketsReceived(received);
    received = 0;
    for (const reason of Object.keys(rejected) as (keyof typeof rejected)[]) {
      if (rejected[reason] > 0) metrics.recorderPacketsRejected(reason, rejected[reason]);
      rejected[reason] = 0;
    }
  };
  const timer = setInterval(handOver, everyMs);
  return {
    watch(packets) {
      relay = packets;
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
