/**
 * When calls end that are proxied: the edge tells of the BYE that runs through it.
 *
 * A drachtio-server tells it only where its own configuration says so, which nobody here knows: with one, a
 * proxied call counts until it is answered, as long as anything is known of it.
 *
 * Owns       the memory of calls whose end is awaited.
 */
import type { SipConnection } from '../sip/index.js';

/** No end after so long: its BYE went another way. */
const LONGEST_MS = 24 * 3_600_000;

export type ProxiedEnd = 'hung up' | 'unknown';

export interface AwaitedEnd {
  /** Resolves once. */
  readonly end: Promise<ProxiedEnd>;
  /** It is not awaited any more, and unknown. */
  forget(): void;
}

export class ProxiedEnds {
  /** By Call-ID: a call that passes here twice is two of one Call-ID. */
  readonly #awaited = new Map<string, Set<(end: ProxiedEnd) => void>>();

  constructor(private readonly sip: Pick<SipConnection, 'srf' | 'embedded'>) {
    if (!sip.embedded) return;
    // The published types know no listener that gets more than the event's name.
    const srf = sip.srf as unknown as { on(event: string, listener: (source: string, time: string, reason: string, bye: { get(name: string): string }) => void): void };
    srf.on('cdr:stop', (_source, _time, _reason, bye) => {
      for (const tell of this.#awaited.get(bye.get('call-id')) ?? []) tell('hung up');
    });
  }

  /** Undefined where ends are not told. To be called before the call is proxied, so that none is missed. */
  await(callId: string): AwaitedEnd | undefined {
    if (!this.sip.embedded) return undefined;
    let tell: (end: ProxiedEnd) => void = () => undefined;
    const end = new Promise<ProxiedEnd>((resolve) => (tell = resolve));
    const listeners = this.#awaited.get(callId) ?? new Set();
    this.#awaited.set(callId, listeners.add(tell));
    const late = setTimeout(() => tell('unknown'), LONGEST_MS);
    late.unref();
    void end.then(() => {
      clearTimeout(late);
      listeners.delete(tell);
      if (listeners.size === 0 && this.#awaited.get(callId) === listeners) this.#awaited.delete(callId);
    });
    return { end, forget: () => tell('unknown') };
  }
}
