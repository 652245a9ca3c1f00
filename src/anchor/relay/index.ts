/** The built-in media anchor: relays datagrams between two sides and forks both directions. */
import { announcedAddress, PortPool } from '../../udp/index.js';
import type { RelaySettings } from '../settings.js';
import type { Anchor, AnchorObserver } from '../door.js';
import { RelayCall } from './relay-call.js';

const listenEveryMs = 1_000;

export interface RelayOptions {
  readonly settings: RelaySettings;
  readonly observer: AnchorObserver;
}

export function openRelay({ settings, observer }: RelayOptions): Anchor {
  const pool = new PortPool(settings.ports[0], settings.ports[1]);
  const calls = new Set<RelayCall>();
  let origin = Date.now();
  const timeoutMs = (settings.mediaTimeoutSeconds ?? 0) * 1_000;
  const listening = timeoutMs === 0 ? undefined : setInterval(() => {
    const now = performance.now();
    for (const call of calls) call.listen(now, timeoutMs);
  }, listenEveryMs);
  listening?.unref();
  return {
    openCall(_sessionId, { onDigit, dtmfMasked = false, onSilent } = {}) {
      const call: RelayCall = new RelayCall({
        address: settings.address,
        announced: announcedAddress(settings),
        pool,
        observer,
        onDigit,
        dtmfMasked,
        onSilent,
        origin: String(++origin),
        onClosed: () => calls.delete(call),
      });
      calls.add(call);
      return call;
    },
    stats: () => ({ calls: calls.size, freePortPairs: pool.free }),
    health: () => ({ ok: pool.free > 0, detail: `${pool.free} port pairs are free` }),
    async close() {
      clearInterval(listening);
      await Promise.all([...calls].map((call) => call.close()));
    },
  };
}
