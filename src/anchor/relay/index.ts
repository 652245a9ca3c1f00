/** The built-in media anchor: relays datagrams between two sides and forks both directions. */
import { announcedAddress, PortPool, type MediaSettings } from '../../udp/index.js';
import type { Anchor, AnchorObserver } from '../door.js';
import { RelayCall } from './relay-call.js';

export interface RelayOptions {
  readonly settings: MediaSettings;
  readonly observer: AnchorObserver;
}

export function openRelay({ settings, observer }: RelayOptions): Anchor {
  const pool = new PortPool(settings.ports[0], settings.ports[1]);
  const calls = new Set<RelayCall>();
  let origin = Date.now();
  return {
    openCall(_sessionId, { onDigit, dtmfMasked = false } = {}) {
      const call: RelayCall = new RelayCall({
        address: settings.address,
        announced: announcedAddress(settings),
        pool,
        observer,
        onDigit,
        dtmfMasked,
        origin: String(++origin),
        onClosed: () => calls.delete(call),
      });
      calls.add(call);
      return call;
    },
    stats: () => ({ calls: calls.size, freePortPairs: pool.free }),
    health: () => ({ ok: pool.free > 0, detail: `${pool.free} port pairs are free` }),
    async close() {
      await Promise.all([...calls].map((call) => call.close()));
    },
  };
}
