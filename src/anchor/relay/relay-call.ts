/**
 * One call in the relay, from the side of signalling: what its SDPs say, which ports it has, and what its media thread is
 * ordered to do.
 *
 * Leaves to  media-call.ts the packets.
 */
import assert from 'node:assert/strict';
import { Failure } from '../../errors/index.js';
import { encodeRecordingOffer, readSdp, reportsWritten, rewriteSdp, type Sdp, type SdpMedia } from '../../sip/index.js';
import { onFreePair, type PortPool } from '../../udp/index.js';
import { otherSide, sides, type AnchoredCall, type CallFork, type DigitListener, type ForkTrouble, type Play, type PlayEnd, type Playing, type PlayOutcome, type RecordingOffer, type Side } from '../door.js';
import type { ForkTarget } from './fork.js';
import type { CallListener, CallSeats } from './media-thread.js';
import type { Order, SharedSound } from './orders.js';
import { offeredStreams } from '../offered-streams.js';

/** More media lines than any call we have seen uses; each costs sockets. */
const mediaLineLimit = 8;

type BySide<T> = Readonly<Record<Side, T>>;

export interface RelayCallOptions {
  readonly thread: CallSeats;
  /** What the thread calls it. */
  readonly number: number;
  /** Where each side sends to, and the copies come from. */
  readonly places: Readonly<Record<Side | 'copies', RelayPlace>>;
  readonly dscp: number | undefined;
  readonly onDigit: DigitListener | undefined;
  /** The copies do not tell which key was pressed. */
  readonly dtmfMasked: boolean;
  readonly silentMs: number | undefined;
  /** Neither party has sent anything for so long. */
  readonly onSilent: (() => void) | undefined;
  readonly share: (sound: Play['sound']) => SharedSound;
  /** The numeric origin of the SDPs made here (RFC 8866 §5.2). */
  readonly origin: string;
  readonly onClosed: () => void;
}

/** A local address. */
export interface RelayPlace {
  readonly address: string;
  /** What SDPs name in its place, where it is behind a NAT. */
  readonly announced: string;
  readonly pool: PortPool;
}

interface RelayFork {
  readonly number: number;
  readonly of: readonly Side[];
  /** The port from which the copies of each side come; undefined while there is no audio. */
  ports: Promise<Partial<Record<Side, number>>> | undefined;
  sessionVersion: number;
  /** Stopped before there was audio: it needs no ports. */
  isUnused: boolean;
  /** Its copies go to a recorder, of which no trouble was told. */
  isStarted: boolean;
  watcher: ((trouble: ForkTrouble) => void) | undefined;
}

interface Sounding {
  readonly to: readonly Side[];
  readonly tellEnd: (end: PlayEnd) => void;
}

export class RelayCall implements AnchoredCall, CallListener {
  readonly #options: RelayCallOptions;
  /** The RTP port of each face. */
  readonly #lines = new Map<number, Promise<BySide<number>>>();
  readonly #said: Partial<Record<Side, Sdp>> = {};
  /** One for each recorder; the first is the call's own. */
  readonly #forks: RelayFork[] = [];
  #audioLine: number | undefined;
  readonly #taken: (() => void)[] = [];
  readonly #sounds = new Map<number, Sounding>();
  #pairs = 0;
  #plays = 0;
  #paused = false;
  #closing: Promise<void> | undefined;

  constructor(options: RelayCallOptions) {
    this.#options = options;
    const { thread, number, dtmfMasked, silentMs, onDigit } = options;
    thread.seat(number, this);
    this.#addFork(sides);
    void this.#order({ kind: 'open', dtmfMasked, silentMs, hearsKeys: onDigit !== undefined });
  }

  async exchange(from: Side, text: string): Promise<string> {
    this.#checkRuns();
    const sdp = readSdp(text);
    if (sdp === 'no-media') return text;
    if (typeof sdp === 'string') throw new Failure('SDP_UNUSABLE', `the SDP of the ${from} cannot be read: ${sdp}`, { facts: { reason: sdp } });
    if (sdp.media.length > mediaLineLimit) {
      throw new Failure('SDP_UNUSABLE', `the SDP of the ${from} has ${sdp.media.length} media lines, at most ${mediaLineLimit} can be relayed`);
    }
    this.#said[from] = sdp;
    const anchored = await Promise.all(
      sdp.media.map(async (media) => {
        if (!relayable(media)) return undefined;
        const ports = await this.#line(media);
        const { address, port, rtcpPort, crypto } = media;
        await this.#order({ kind: 'point', line: media.index, side: from, rtp: { address, port }, rtcp: { address, port: rtcpPort }, crypto });
        const to = otherSide(from);
        const rtpPort = ports[to];
        return { address: this.#options.places[to].announced, rtpPort, rtcpPort: rtpPort + 1 };
      }),
    );
    const line = this.#audioLine;
    const isAudio = line === undefined || sides.some((side) => (this.#said[side]?.media[line]?.kind ?? 'audio') === 'audio');
    await this.#order({ kind: 'describe', isAudio, audio: { ...this.#audioBySide() } });
    // The first packet may come as soon as this SDP is out; a fork that cannot be opened costs the recording, not the call.
    await Promise.allSettled(this.#forks.flatMap(({ ports }) => ports ?? []));
    this.#checkRuns();
    return rewriteSdp(text, anchored);
  }

  recordingOffer(): Promise<RecordingOffer | undefined> {
    return this.#offer(this.#own);
  }

  startFork(answer: string): Promise<void> {
    return this.#start(this.#own, answer);
  }

  detachFork(): Promise<void> {
    return this.#detach(this.#own);
  }

  forkConfirmed(withinMs: number): Promise<boolean> {
    return this.#isConfirmed(this.#own, withinMs);
  }

  stopFork(): Promise<void> {
    return this.#stop(this.#own);
  }

  watchFork(told: (trouble: ForkTrouble) => void): void {
    this.#own.watcher = told;
  }

  openFork(of: readonly Side[]): CallFork {
    const fork = this.#addFork(of);
    return {
      recordingOffer: () => this.#offer(fork),
      startFork: (answer) => this.#start(fork, answer),
      detachFork: () => this.#detach(fork),
      forkConfirmed: (withinMs) => this.#isConfirmed(fork, withinMs),
      stopFork: () => this.#stop(fork),
      watchFork: (told) => {
        fork.watcher = told;
      },
    };
  }

  pauseFork(): Promise<void> {
    this.#paused = true;
    return this.#order({ kind: 'gate', to: 'paused' });
  }

  resumeFork(): Promise<void> {
    this.#paused = false;
    return this.#order({ kind: 'gate', to: 'flowing' });
  }

  play({ sound, to, over, meanwhile }: Play): Playing {
    if (this.#closing !== undefined) return { ended: Promise.resolve(endOf(to, 'no-audio')), stop: () => undefined };
    const play = (this.#plays += 1);
    const ended = new Promise<PlayEnd>((tellEnd) => this.#sounds.set(play, { to, tellEnd }));
    void this.#order({ kind: 'play', play, sound: this.#options.share(sound), to, over, ...(meanwhile === undefined ? {} : { meanwhile }) });
    return { ended, stop: () => void this.#order({ kind: 'stop-play', play }) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  key(from: Side, key: string): void {
    this.#options.onDigit?.(from, key);
  }

  silent(): void {
    this.#options.onSilent?.();
  }

  forkTrouble(number: number, trouble: ForkTrouble): void {
    const fork = this.#forks[number];
    if (fork?.isStarted !== true) return;
    // Each of its sides tells.
    if (trouble !== 'port-refused') fork.isStarted = false;
    fork.watcher?.(trouble);
  }

  played(play: number, end: PlayEnd): void {
    this.#sounds.get(play)?.tellEnd(end);
    this.#sounds.delete(play);
  }

  restarted(): void {
    for (const [play, { to }] of [...this.#sounds]) this.played(play, endOf(to, 'failed'));
  }

  async #close(): Promise<void> {
    const { thread, number, onClosed } = this.#options;
    // Pairs that are being opened give themselves back when that has failed or is done.
    await Promise.allSettled([...this.#lines.values(), ...this.#forks.flatMap(({ ports }) => ports ?? [])]);
    await this.#order({ kind: 'close' });
    for (const [play, { to }] of [...this.#sounds]) this.played(play, endOf(to, 'cut'));
    for (const giveBack of this.#taken.splice(0)) giveBack();
    thread.leave(number);
    onClosed();
  }

  #checkRuns(): void {
    if (this.#closing !== undefined) throw new Failure('SDP_UNUSABLE', 'the call has ended, its media cannot be changed any more');
  }

  get #own(): RelayFork {
    const [own] = this.#forks;
    assert(own !== undefined, 'each call has one from its beginning');
    return own;
  }

  #addFork(of: readonly Side[]): RelayFork {
    const fork: RelayFork = { number: this.#forks.length, of, ports: undefined, sessionVersion: 0, isUnused: false, isStarted: false, watcher: undefined };
    this.#forks.push(fork);
    if (this.#audioLine !== undefined) this.#openFork(fork);
    return fork;
  }

  #openFork(fork: RelayFork): void {
    if (this.#closing !== undefined || fork.isUnused) return;
    fork.ports = this.#openPairs(fork.of, () => 'copies', (side, pair) => ({ kind: 'fork', fork: fork.number, side, pair }));
    // Who asks for an offer learns of a failure.
    fork.ports.catch(() => undefined);
  }

  async #offer(fork: RelayFork): Promise<RecordingOffer | undefined> {
    const { caller, callee } = this.#audioBySide();
    if (caller === undefined || callee === undefined || fork.ports === undefined || this.#closing !== undefined) return undefined;
    const ports = await fork.ports;
    const [ofCaller, ofCallee] = offeredStreams(caller, callee, this.#paused);
    if ([ofCaller, ofCallee].some((stream) => stream.codecs.length === 0)) return undefined;
    const streams = fork.of.map((side) => ({ ...(side === 'caller' ? ofCaller : ofCallee), port: ports[side] ?? 0 }));
    return {
      sdp: encodeRecordingOffer({ address: this.#options.places.copies.announced, origin: this.#options.origin, sessionVersion: (fork.sessionVersion += 1), media: streams }),
      holdsKeys: streams.some((stream) => stream.crypto.length > 0),
    };
  }

  async #start(fork: RelayFork, answer: string): Promise<void> {
    const sdp = readSdp(answer);
    if (typeof sdp === 'string') throw new Failure('SIPREC_UNUSABLE', `the recorder's answer cannot be read: ${sdp}`, { facts: { reason: sdp } });
    const targets: Partial<Record<Side, ForkTarget>> = {};
    fork.of.forEach((side, index) => {
      const media = sdp.media[index];
      if (media === undefined || media.port === 0) return;
      const { address, port, rtcpPort, rtcpMux, crypto: [crypto] } = media;
      targets[side] = { rtp: { address, port }, rtcp: { address, port: rtcpMux ? port : rtcpPort }, crypto, reports: reportsWritten(answer, index) };
    });
    fork.isStarted = true;
    await this.#order({ kind: 'copy', fork: fork.number, targets });
  }

  #detach(fork: RelayFork): Promise<void> {
    fork.isStarted = false;
    return this.#order({ kind: 'detach-copies', fork: fork.number });
  }

  #isConfirmed(fork: RelayFork, withinMs: number): Promise<boolean> {
    const { thread, number } = this.#options;
    return thread.order(number, { kind: 'await-confirmed', fork: fork.number, withinMs }).then(() => true, () => false);
  }

  #stop(fork: RelayFork): Promise<void> {
    fork.isStarted = false;
    if (fork.ports === undefined) fork.isUnused = true;
    return this.#order({ kind: 'stop-copies', fork: fork.number });
  }

  /** An order that changes what is there already: where the thread is gone, it is done by the one that takes its place. */
  #order(order: Order): Promise<void> {
    const { thread, number } = this.#options;
    return thread.order(number, order).catch(() => undefined);
  }

  /** What each side last said of the line that is recorded, where that is audio. */
  #audioBySide(): Readonly<Partial<Record<Side, SdpMedia>>> {
    const found: Partial<Record<Side, SdpMedia>> = {};
    for (const side of sides) {
      const media = this.#audioLine === undefined ? undefined : this.#said[side]?.media[this.#audioLine];
      if (media !== undefined && media.port !== 0 && media.kind === 'audio') found[side] = media;
    }
    return found;
  }

  #line({ index, kind }: SdpMedia): Promise<BySide<number>> {
    const known = this.#lines.get(index);
    if (known !== undefined) return known;
    const isAudio = kind === 'audio' && this.#audioLine === undefined;
    if (isAudio) {
      this.#audioLine = index;
      for (const fork of this.#forks) this.#openFork(fork);
    }
    const line = this.#openPairs(sides, (side) => side, (side, pair) => ({ kind: 'face', line: index, side, pair, isAudio }));
    this.#lines.set(index, line);
    // The one who awaits it learns of a failure; close() may come first.
    line.catch(() => undefined);
    return line;
  }

  /** A pair for each of these sides, or none. @throws Failure as onFreePair. */
  async #openPairs<S extends Side>(of: readonly S[], placeOf: (side: S) => Side | 'copies', use: (side: S, pair: number) => Order): Promise<Record<S, number>> {
    const { thread, number, places, dscp } = this.#options;
    const ports: Partial<Record<S, number>> = {};
    const undo: (() => Promise<void>)[] = [];
    try {
      for (const side of of) {
        const pair = (this.#pairs += 1);
        const { address, pool } = places[placeOf(side)];
        const { port } = await onFreePair(address, pool, (port) => thread.order(number, { kind: 'bind', pair, address, port, dscp }));
        const giveBack = (): void => pool.giveBack(port);
        this.#taken.push(giveBack);
        undo.push(async () => {
          await this.#order({ kind: 'unbind', pair });
          this.#taken.splice(this.#taken.indexOf(giveBack), 1);
          giveBack();
        });
        await this.#order(use(side, pair));
        ports[side] = port;
      }
    } catch (error) {
      await Promise.all(undo.map((one) => one()));
      throw error;
    }
    return ports as Record<S, number>;
  }
}

const endOf = (to: readonly Side[], outcome: PlayOutcome): PlayEnd => Object.fromEntries(to.map((side) => [side, outcome]));

/** Media that is datagrams; others (MSRP over TCP) go from end to end. */
const relayable = (media: SdpMedia): boolean => media.port !== 0 && /^(RTP\/|UDP\/|udp|udptl$)/i.test(media.protocol);
