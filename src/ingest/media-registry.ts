/**
 * Where the media of the calls that run is expected: which stream a packet is of, by where it comes from and goes to.
 *
 * Where both ends are as SDP says, that is certain. Where one is (the other is behind a NAT), it is as well. Where none
 * is, the ports decide, if they mean one leg alone and the packets are what it negotiated.
 */
import { addressOf, endpointOf, portOf, type Addresses, type Endpoint } from './endpoints.js';
import type { MediaPlace } from './leg-media.js';
import type { LegStream } from './leg-stream.js';
import type { CallLeg } from './session.js';

interface Registration {
  readonly leg: CallLeg;
  /** Undefined for a host name. */
  readonly endpoint: Endpoint | undefined;
  readonly port: number;
  readonly sends: LegStream | undefined;
  readonly receives: LegStream | undefined;
  readonly fromMs: number;
  /** Packets came from here: the address is true. */
  proven: boolean;
}

interface Candidate {
  readonly stream: LegStream;
  readonly by: Registration;
  /** 2: both ends say so. */
  readonly score: number;
}

const none: readonly Registration[] = [];
/** Of those that expect media at one place or port, the latest: looking must stay cheap, and more tell nothing apart. */
const mostAtOne = 64;

export class MediaRegistry {
  /** Grows with each change: what was found before may be found otherwise. */
  version = 0;
  readonly #byEndpoint = new Map<Endpoint, Registration[]>();
  readonly #byPort = new Map<number, Registration[]>();
  readonly #byLeg = new Map<CallLeg, Registration[]>();

  constructor(private readonly addresses: Addresses) {}

  /** @returns a leg that has media on the same two places, if one runs */
  register(leg: CallLeg, places: readonly MediaPlace[], atMs: number): CallLeg | undefined {
    const own = this.#byLeg.get(leg) ?? [];
    for (const { address, port, sends, receives } of places) {
      const id = this.addresses.read(address);
      const endpoint = id === undefined ? undefined : endpointOf(id, port);
      if (own.some((known) => known.port === port && known.endpoint === endpoint && known.sends === sends && known.receives === receives)) continue;
      const registration: Registration = { leg, endpoint, port, sends, receives, fromMs: atMs, proven: false };
      own.push(registration);
      if (endpoint !== undefined) addTo(this.#byEndpoint, endpoint, registration);
      addTo(this.#byPort, port, registration);
    }
    if (places.length > 0) this.version += 1;
    this.#byLeg.set(leg, own);
    return places.length === 0 ? undefined : this.#onSamePath(leg, own);
  }

  /** Nothing more comes for this leg. */
  release(leg: CallLeg): void {
    for (const registration of this.#byLeg.get(leg) ?? []) {
      if (registration.endpoint !== undefined) removeFrom(this.#byEndpoint, registration.endpoint, registration);
      removeFrom(this.#byPort, registration.port, registration);
    }
    if (this.#byLeg.delete(leg)) this.version += 1;
  }

  /** By what SDP says of either end. */
  exact(source: Endpoint, target: Endpoint, atMs: number): LegStream | undefined {
    const found = this.#best(this.#byEndpoint.get(source) ?? none, this.#byEndpoint.get(target) ?? none, atMs);
    if (found !== undefined && found.by.endpoint === source) found.by.proven = true;
    return found?.stream;
  }

  /** By the ports alone, for packets of this payload type. */
  byPorts(source: Endpoint, target: Endpoint, payloadType: number, atMs: number): LegStream | undefined {
    const unproven = (list: readonly Registration[] | undefined): readonly Registration[] => (list ?? none).filter(({ proven }) => !proven);
    const [from, to] = [unproven(this.#byPort.get(portOf(source))), unproven(this.#byPort.get(portOf(target)))];
    const found = this.#best(from, to, atMs);
    if (found?.stream.description.codecs.some((codec) => codec.payloadType === payloadType) !== true) return undefined;
    if (found.score === 2) return found.stream;
    // One port may be anybody's: it must be all that there is, of a call that was answered and is not heard otherwise.
    if (found.stream.packets > 0 || (found.by.leg.answeredAtMs === undefined && !found.by.leg.joinedLate)) return undefined;
    const legs = new Set([...from, ...to].filter(({ leg }) => leg.isLive(atMs)).map(({ leg }) => leg));
    return legs.size === 1 ? found.stream : undefined;
  }

  #best(from: readonly Registration[], to: readonly Registration[], atMs: number): Candidate | undefined {
    let best: Candidate | undefined;
    for (const by of from) {
      if (by.sends === undefined || !by.leg.isLive(atMs)) continue;
      const score = to.some(({ receives }) => receives === by.sends) ? 2 : 1;
      if (isBetter(best, by, score)) best = { stream: by.sends, by, score };
    }
    for (const by of to) {
      if (by.receives === undefined || !by.leg.isLive(atMs)) continue;
      const score = from.some(({ sends }) => sends === by.receives) ? 2 : 1;
      if (isBetter(best, by, score)) best = { stream: by.receives, by, score };
    }
    return best;
  }

  /** What goes on between the same two places, from one end of an agent and to the other, is one call, whatever its IDs say. */
  #onSamePath(leg: CallLeg, own: readonly Registration[]): CallLeg | undefined {
    const others = new Map<CallLeg, Set<LegStream | undefined>>();
    for (const { endpoint } of own) {
      for (const known of endpoint === undefined ? none : (this.#byEndpoint.get(endpoint) ?? none)) {
        if (known.leg.session === leg.session || known.leg.endedAtMs !== undefined || !areChained(known.leg, leg)) continue;
        others.set(known.leg, (others.get(known.leg) ?? new Set()).add(known.sends));
      }
    }
    for (const [other, sides] of others) if (sides.size >= 2) return other;
    return undefined;
  }
}

/** Whether one leg begins where the other one leads to. */
function areChained(one: CallLeg, other: CallLeg): boolean {
  const leads = (first: CallLeg, second: CallLeg): boolean =>
    first.target === second.source || (addressOf(first.target) === addressOf(second.source) && addressOf(first.source) !== addressOf(first.target));
  return leads(one, other) || leads(other, one);
}

/** Of two of one call the leg that began first; of two calls, the one to which the port was given last. */
function isBetter(best: Candidate | undefined, by: Registration, score: number): boolean {
  if (best === undefined || score !== best.score) return best === undefined || score > best.score;
  if (by.leg.session === best.by.leg.session) return by.leg.startedAtMs < best.by.leg.startedAtMs;
  return by.fromMs > best.by.fromMs;
}

function addTo<K>(map: Map<K, Registration[]>, key: K, registration: Registration): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [registration]);
  else if (list.push(registration) > mostAtOne) list.shift();
}

function removeFrom<K>(map: Map<K, Registration[]>, key: K, registration: Registration): void {
  const list = map.get(key);
  const at = list?.indexOf(registration) ?? -1;
  if (list === undefined || at < 0) return;
  if (list.length === 1) map.delete(key);
  else list.splice(at, 1);
}
