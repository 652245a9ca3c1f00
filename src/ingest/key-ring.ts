/**
 * The SRTP keys that somebody gave beside the packets, and for which streams they are.
 */
import { sealSessionKey, type VaultKeys } from '../vault/index.js';
import { endpointOf, type Addresses, type Endpoint } from './endpoints.js';
import type { GivenKey } from './keys-file.js';
import type { LegStream } from './leg-stream.js';
import type { Side } from './rtp-rules.js';
import type { Role } from './stream-description.js';

/** So many of those for one session are tried; each costs an authentication a packet until one opens it. */
const mostForOneSession = 32;

interface Key extends GivenKey {
  readonly source: Endpoint | undefined;
}

/** What is known of a call when its keys are looked for. */
export interface KeyedCall {
  readonly sessionId: string;
  readonly callIds: readonly string[];
  readonly streams: readonly Pick<LegStream, 'role' | 'sources' | 'ssrcs'>[];
}

export class KeyRing {
  readonly #all: readonly Key[];
  readonly #bySource = new Map<Endpoint, Key>();
  readonly #bySsrc = new Map<number, Key>();
  /** A key without selectors is tried for every stream that is encrypted. */
  readonly anyForAll: boolean;

  constructor(given: readonly GivenKey[], addresses: Addresses) {
    this.#all = given.map((key) => {
      const address = key.from === undefined ? undefined : addresses.read(key.from.host);
      return { ...key, source: key.from === undefined || address === undefined ? undefined : endpointOf(address, key.from.port) };
    });
    for (const key of this.#all) {
      if (key.source !== undefined) this.#bySource.set(key.source, key);
      if (key.ssrc !== undefined) this.#bySsrc.set(key.ssrc, key);
    }
    this.anyForAll = given.some(({ from, ssrc, callId, sessionId }) => from === undefined && ssrc === undefined && callId === undefined && sessionId === undefined);
  }

  /** Whether a key is for this place or source by name. */
  names(source: Endpoint, ssrc: number): boolean {
    return this.#bySource.has(source) || this.#bySsrc.has(ssrc);
  }

  sideOf(source: Endpoint, ssrc: number): Side | undefined {
    return (this.#bySource.get(source) ?? this.#bySsrc.get(ssrc))?.side;
  }

  /** The keys for a call, each sealed for its session as keys are that come by themselves. */
  async sealedFor(call: KeyedCall, keys: VaultKeys): Promise<readonly Uint8Array[]> {
    const found = this.#all.flatMap((key) => {
      const side = this.#sideIn(key, call);
      return side === undefined ? [] : [{ crypto: key.crypto, side }];
    });
    return Promise.all(
      found.slice(0, mostForOneSession).map(({ crypto, side }) => sealSessionKey({ sessionId: call.sessionId, for: side === 'any' ? undefined : side, crypto }, keys.public)),
    );
  }

  /** Whose stream of the call it is for; undefined when for none. */
  #sideIn({ source, from, ssrc, callId, sessionId, side }: Key, call: KeyedCall): Side | 'any' | undefined {
    if (callId !== undefined && !call.callIds.includes(callId)) return undefined;
    // A sealed key names the session, which somebody may have known by its Call-ID.
    if (sessionId !== undefined && sessionId !== call.sessionId && !call.callIds.includes(sessionId)) return undefined;
    if (from === undefined && ssrc === undefined) return side ?? 'any';
    const stream = call.streams.find(({ sources, ssrcs }) => (from === undefined || (source !== undefined && sources.has(source))) && (ssrc === undefined || ssrcs.has(ssrc)));
    if (stream === undefined) return undefined;
    return side ?? sideOfRole(stream.role);
  }
}

const sideOfRole = (role: Role): Side | 'any' => (role === 'other' ? 'any' : role);
