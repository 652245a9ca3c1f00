/**
 * The built-in media anchor: relays datagrams between two sides and forks both directions, in threads of its own. And what
 * keeps the copies that another anchor makes, in such threads.
 */
import { availableParallelism } from 'node:os';
import { Failure } from '../../errors/index.js';
import { announcedAddress, PortPool, type MediaPlace, type MediaSettings } from '../../udp/index.js';
import type { Anchor, Play } from '../door.js';
import type { RelaySettings } from '../settings.js';
import { MediaThread, type CallSeats } from './media-thread.js';
import type { SharedSound } from './orders.js';
import { sumOf } from './packet-counts.js';

export type { KeptCopies } from './kept-copies.js';
import type { RelayPlace } from './call-seat.js';
import { KeptCopies, type KeptCopiesOptions } from './kept-copies.js';
import { RelayCall } from './relay-call.js';
import type { Rank } from './thread-priority.js';

/** What an operator is told of it. */
const ranks: Readonly<Record<Rank, string>> = { 'real-time': ' in real time', 'before-others': ' before other work', 'as-others': '' };

/** More would wait for each other's sockets rather than for a core. */
const mostThreads = 8;

export interface RelayOptions {
  readonly settings: RelaySettings;
  /** A media thread crashed; it is started anew, and goes on with its calls. */
  readonly onCrash: (error: Error) => void;
}

/** An anchor that counts its packets itself. */
export type Relay = Anchor & Required<Pick<Anchor, 'packets'>>;

/** @throws Failure ANCHOR_UNREACHABLE when its threads do not start, CONFIG_INVALID when it cannot do what the settings ask. */
export async function openRelay({ settings, onCrash }: RelayOptions): Promise<Relay> {
  return relayIn(await startThreads(settings.threads ?? threadsFor(availableParallelism()), settings, onCrash), settings);
}

/** One core is for the rest; but two threads wait for each other's packets less than one for its own. */
const threadsFor = (cores: number): number => (cores === 1 ? 1 : Math.max(2, Math.min(mostThreads, cores - 1)));

/** For openRelay, and for tests with threads of their own. */
export function relayIn(threads: readonly [CallSeats, ...CallSeats[]], settings: RelaySettings): Relay {
  const placeOf = placesOf(settings);
  const calls = new Set<RelayCall>();
  const share = soundSharer();
  let origin = Date.now();
  return {
    openCall(_sessionId, { onDigit, dtmfMasked = false, onSilent, networks = {} } = {}) {
      const thread = leastBusy(threads);
      const call: RelayCall = new RelayCall({
        thread,
        number: ++origin,
        places: { caller: placeOf.named(networks.caller), callee: placeOf.named(networks.callee), copies: placeOf.named(undefined) },
        dscp: settings.dscp,
        onDigit,
        dtmfMasked,
        silentMs: settings.mediaTimeoutSeconds === undefined ? undefined : settings.mediaTimeoutSeconds * 1_000,
        onSilent,
        share,
        origin: String(origin),
        onClosed: () => calls.delete(call),
      });
      calls.add(call);
      return call;
    },
    stats: () => ({ calls: calls.size, freePortPairs: placeOf.free() }),
    packets: () => sumOf(threads.map(({ counts }) => counts)),
    health: () => healthOf(threads, placeOf.free(), placeOf.exhausted()),
    async close() {
      await Promise.all([...calls].map((call) => call.close()));
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

/** Keeps the copies that another media server makes of its calls, for the recorders of each. */
export interface CopyKeeper {
  openCall(options: Pick<KeptCopiesOptions, 'origin' | 'onDigit' | 'dtmfMasked'>): KeptCopies;
  packets: Relay['packets'];
  health: Relay['health'];
  close(): Promise<void>;
}

/** @throws as openRelay. */
export async function openCopyKeeper({ settings, onCrash }: { readonly settings: MediaSettings; readonly onCrash: RelayOptions['onCrash'] }): Promise<CopyKeeper> {
  return copyKeeperIn(await startThreads(threadsFor(availableParallelism()), settings, onCrash), settings);
}

/** For openCopyKeeper, and for tests with threads of their own. */
export function copyKeeperIn(threads: readonly [CallSeats, ...CallSeats[]], settings: MediaSettings): CopyKeeper {
  const { address, ports: [first, last] } = settings;
  const place = { address, announced: announcedAddress(settings), pool: new PortPool(first, last) };
  const calls = new Set<KeptCopies>();
  let number = 0;
  return {
    openCall(options) {
      const call: KeptCopies = new KeptCopies({ ...options, thread: leastBusy(threads), number: ++number, place, onClosed: () => calls.delete(call) });
      calls.add(call);
      return call;
    },
    packets: () => sumOf(threads.map(({ counts }) => counts)),
    health: () => healthOf(threads, place.pool.free, place.pool.free === 0 ? `no port pair is free on ${address}` : undefined),
    async close() {
      await Promise.all([...calls].map((call) => call.close()));
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

function healthOf(threads: readonly [CallSeats, ...CallSeats[]], freePairs: number, exhausted: string | undefined): { readonly ok: boolean; readonly detail: string } {
  const down = threads.filter(({ isUp }) => !isUp).length;
  const carried = `${threads.length} media threads${ranks[threads[0].rank]}${down === 0 ? '' : `, ${down} of them being started anew`}, packets by ${threads[0].datagrams === 'node' ? 'Node' : threads[0].datagrams}, SRTP tried by ${threads[0].srtp}`;
  return { ok: exhausted === undefined && down === 0, detail: `${exhausted ?? `${freePairs} port pairs are free`}; ${carried}` };
}

/** Of those that are there, or of all. */
function leastBusy(threads: readonly [CallSeats, ...CallSeats[]]): CallSeats {
  const up = threads.filter(({ isUp }) => isUp);
  return (up.length > 0 ? up : threads).reduce((least, other) => (other.calls < least.calls ? other : least), up[0] ?? threads[0]);
}

async function startThreads(count: number, settings: Pick<RelaySettings, 'accelerator' | 'dscp'>, onCrash: (error: Error) => void): Promise<readonly [MediaThread, ...MediaThread[]]> {
  const started = await Promise.allSettled(Array.from({ length: count }, () => MediaThread.start(settings.accelerator, onCrash)));
  const threads = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const [first, ...more] = threads;
  const failed = started.find((one) => one.status === 'rejected');
  const cannotMark = settings.dscp !== undefined && threads.some(({ datagrams }) => datagrams === 'node');
  if (failed === undefined && !cannotMark && first !== undefined) return [first, ...more];
  await Promise.all(threads.map((thread) => thread.close()));
  if (failed !== undefined) throw failed.reason;
  throw new Failure('CONFIG_INVALID', 'anchor.relay.dscp: packets can only be marked by native calls: install the optional package koffi, leave accelerator at auto, or mark them by the firewall');
}

/** The relay's addresses by name, the first one without. Those that share an address and a range share its ports. */
function placesOf({ networks = [], ...first }: RelaySettings) {
  const pools = new Map<string, PortPool>();
  const read = (place: MediaPlace): RelayPlace => {
    const { address, ports } = place;
    const key = `${address} ${ports.join()}`;
    const pool = pools.get(key) ?? new PortPool(ports[0], ports[1]);
    pools.set(key, pool);
    return { address, announced: announcedAddress(place), pool };
  };
  const whole = read(first);
  const named = new Map(networks.map(({ name, ...place }) => [name, read(place)]));
  return {
    named: (name: string | undefined): RelayPlace => (name === undefined ? whole : (named.get(name) ?? whole)),
    free: () => [...pools.values()].reduce((sum, pool) => sum + pool.free, 0),
    /** Where no port is left, in words. */
    exhausted: () => [...pools].flatMap(([key, pool]) => (pool.free === 0 ? [`no port pair is free on ${key.split(' ')[0] ?? ''}`] : []))[0],
  };
}

/** Sounds under a number each, which is the same whenever one is played. */
function soundSharer(): (sound: Play['sound']) => SharedSound {
  const known = new WeakMap<Play['sound'], SharedSound>();
  let numbers = 0;
  return (sound) => {
    let shared = known.get(sound);
    if (shared === undefined) {
      shared = { number: (numbers += 1), audio: sound.audio.source };
      known.set(sound, shared);
    }
    return shared;
  };
}
