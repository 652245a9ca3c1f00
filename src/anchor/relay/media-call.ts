/**
 * The packets of one call: for each media line a face to the caller and one to the callee, and for the first audio line a
 * fork of each direction. It runs in a media thread and does what its orders say.
 *
 * Invariants
 * 1. A packet that came in on one face goes out on the other of the same line, where there is one, and nowhere else but the forks.
 * 2. A packet is never changed, but for the payload of one that goes to a side to which something is played; SRTP passes
 *    as it is.
 * 3. What a fork does or fails to do never delays or drops a packet of the call.
 */
import { isRtcp, Sound } from '../../media/index.js';
import type { SdpMedia } from '../../sip/index.js';
import { bindPair, type Datagrams, type MediaSockets } from '../../udp/index.js';
import { otherSide, sides, type ForkTrouble, type Play, type PlayEnd, type Side } from '../door.js';
import { EventPackets } from './event-packets.js';
import { Face } from './face.js';
import { Fork } from './fork.js';
import type { BlockShelf } from './kept-packets.js';
import { notConfirmed, type Order } from './orders.js';
import { OwnStream } from './own-stream.js';
import type { PacketObserver } from './packet-counts.js';
import { playedCodecs } from './played-codecs.js';
import type { Player } from './player.js';
import { SoundInCall } from './playing.js';
import { PressedKeys } from './pressed-keys.js';

export interface MediaCallOptions {
  readonly datagrams: Datagrams;
  readonly observer: PacketObserver;
  readonly dtmfMasked: boolean;
  /** Absent when nobody listens. */
  readonly onKey?: ((from: Side, key: string) => void) | undefined;
  /** Neither party has sent anything for so long, although neither is on hold; told again after as long. */
  readonly silentMs?: number | undefined;
  readonly onSilent: () => void;
  /** Of all calls of the thread. */
  readonly shelf: BlockShelf;
  /** Told for each side of a fork. */
  readonly onForkTrouble: (fork: number, trouble: ForkTrouble) => void;
  readonly soundOf: (shared: Extract<Order, { kind: 'play' }>['sound']) => Sound;
  readonly onPlayed: (play: number, end: PlayEnd) => void;
}

/** Of one shape always, since each packet looks into it. */
type BySide<T> = Record<Side, T | undefined>;
type Line = BySide<Face>;

const neither = <T>(): BySide<T> => ({ caller: undefined, callee: undefined });

export class MediaCall {
  readonly #options: MediaCallOptions;
  readonly #pairs = new Map<number, MediaSockets>();
  readonly #lines = new Map<number, Line>();
  /** The line that is forked and played into. */
  #audioLine: Line | undefined;
  /** One for each recorder. */
  readonly #forks: BySide<Fork>[] = [];
  #paused = false;
  readonly #digits: PressedKeys | undefined;
  /** Absent when nobody cares which packets tell of keys. */
  readonly #events: EventPackets | undefined;
  #audio: Readonly<Partial<Record<Side, SdpMedia>>> = {};
  /** False once both sides have made a fax of that line (T.38): its packets are nothing to record. */
  #isAudio = true;
  /** By the side that hears it; a side to which nothing is played has none. */
  readonly #players = neither<Player>();
  readonly #sounds = new Map<number, SoundInCall>();
  readonly #ownStreams: Partial<Record<Side, OwnStream>> = {};
  /** From both parties, and how many there were when somebody last looked and found more. */
  #packets = 0;
  #packetsBefore = -1;
  #silentSinceMs = 0;
  #closed = false;

  constructor(options: MediaCallOptions) {
    this.#options = options;
    this.#digits = options.onKey === undefined ? undefined : new PressedKeys(options.onKey);
    this.#events = this.#digits === undefined && !options.dtmfMasked ? undefined : new EventPackets();
  }

  /** Does what it is told; resolves when that holds. @throws Error when sockets cannot be opened. */
  async obey(order: Order): Promise<void> {
    switch (order.kind) {
      case 'bind':
        return this.#bind(order);
      case 'unbind':
        return this.#unbind(order.pair);
      case 'face':
        { this.#face(order); return; }
      case 'fork': {
        const sockets = this.#pairs.get(order.pair);
        if (sockets === undefined) return;
        const { observer, shelf, onForkTrouble } = this.#options;
        const fork = new Fork({ sockets, observer, shelf, told: (trouble) => onForkTrouble(order.fork, trouble), now: () => performance.now() });
        if (this.#paused) fork.pause();
        while (this.#forks.length <= order.fork) this.#forks.push(neither());
        this.#forkOf(order.fork)[order.side] = fork;
        return;
      }
      case 'point':
        this.#lines.get(order.line)?.[order.side]?.pointAt(order.rtp, order.rtcp, order.crypto);
        return;
      case 'describe':
        { this.#describe(order); return; }
      case 'copy':
        for (const side of sides) {
          const target = order.targets[side];
          if (target === undefined) this.#forkOf(order.fork)[side]?.stop();
          else this.#forkOf(order.fork)[side]?.start(target);
        }
        return;
      case 'gate':
        this.#paused = order.to === 'paused';
        this.#eachFork((fork) => (this.#paused ? fork.pause() : fork.resume()));
        return;
      case 'detach-copies':
        for (const side of sides) this.#forkOf(order.fork)[side]?.detach();
        return;
      case 'stop-copies':
        for (const side of sides) this.#forkOf(order.fork)[side]?.stop();
        return;
      case 'await-confirmed': {
        const confirmed = await Promise.all(sides.map((side) => this.#forkOf(order.fork)[side]?.confirmed(order.withinMs) ?? Promise.resolve(true)));
        if (confirmed.includes(false)) throw Object.assign(new Error('the recorder has not reported all of it'), { code: notConfirmed });
        return;
      }
      case 'play':
        { this.#play(order.play, { sound: this.#options.soundOf(order.sound), to: order.to, over: order.over, ...(order.meanwhile === undefined ? {} : { meanwhile: order.meanwhile }) }); return; }
      case 'stop-play':
        this.#sounds.get(order.play)?.stop();
        return;
      case 'close':
        return this.close();
      case 'open':
    }
  }

  /** Called once a second or so. */
  look(nowMs: number): void {
    for (const line of this.#lines.values()) for (const side of sides) line[side]?.look();
    const { silentMs, onSilent } = this.#options;
    if (silentMs === undefined) return;
    const talking = sides.every((side) => this.#audio[side]?.direction === 'sendrecv');
    if (!talking || this.#packets !== this.#packetsBefore) {
      this.#packetsBefore = this.#packets;
      this.#silentSinceMs = nowMs;
    } else if (nowMs - this.#silentSinceMs >= silentMs) {
      this.#silentSinceMs = nowMs;
      onSilent();
    }
  }

  /** Called some times a second; `stoodStill`: the thread has, meanwhile. */
  lookAtForks(nowMs: number, stoodStill: boolean): void {
    for (const { caller, callee } of this.#forks) {
      caller?.look(nowMs, stoodStill);
      callee?.look(nowMs, stoodStill);
    }
  }

  /** Every sound's end is told before it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const sound of this.#sounds.values()) sound.stop();
    await Promise.all([...this.#sounds.values()].map((sound) => sound.ended));
    this.#eachFork((fork) => fork.stop());
    await Promise.all([...this.#pairs.values()].map((pair) => pair.close()));
    this.#pairs.clear();
    this.#lines.clear();
  }

  #forkOf(number: number): BySide<Fork> {
    return this.#forks[number] ?? neither();
  }

  #eachFork(what: (fork: Fork) => void): void {
    for (const fork of this.#forks) for (const side of sides) if (fork[side] !== undefined) what(fork[side]);
  }

  async #bind({ pair, address, port, dscp }: Extract<Order, { kind: 'bind' }>): Promise<void> {
    const sockets = await bindPair(address, port, this.#options.datagrams, { dscp });
    // The call may have ended meanwhile.
    if (this.#closed) await sockets.close();
    else this.#pairs.set(pair, sockets);
  }

  async #unbind(pair: number): Promise<void> {
    const sockets = this.#pairs.get(pair);
    this.#pairs.delete(pair);
    await sockets?.close();
  }

  #face({ line: number, side, pair, isAudio }: Extract<Order, { kind: 'face' }>): void {
    const sockets = this.#pairs.get(pair);
    if (sockets === undefined) return;
    const line = this.#lines.get(number) ?? neither<Face>();
    this.#lines.set(number, line);
    if (isAudio) this.#audioLine = line;
    line[side] = new Face(sockets, this.#options.observer, isAudio ? this.#throughAudio(line, side) : this.#through(line, side));
  }

  #through(line: Line, from: Side): (bytes: Buffer, onRtcpPort: boolean) => void {
    const fromCaller = from === 'caller';
    const { observer } = this.#options;
    return (bytes, onRtcpPort) => {
      (fromCaller ? line.callee : line.caller)?.send(bytes, onRtcpPort);
      this.#packets += 1;
      observer.relayed(from);
    };
  }

  #throughAudio(line: Line, from: Side): (bytes: Buffer, onRtcpPort: boolean) => void {
    const fromCaller = from === 'caller';
    const { observer, dtmfMasked } = this.#options;
    const [players, forks] = [this.#players, this.#forks];
    return (bytes, onRtcpPort) => {
      const player = fromCaller ? players.callee : players.caller;
      const to = fromCaller ? line.callee : line.caller;
      // Copies that another media server sends are for recorders alone: their line has one face.
      if (to !== undefined) {
        to.send(player === undefined || onRtcpPort ? bytes : player.through(bytes), onRtcpPort);
        observer.relayed(from);
      }
      this.#packets += 1;
      if (!this.#isAudio) return;
      const events = onRtcpPort ? undefined : this.#events;
      const copied = dtmfMasked && events !== undefined ? events.withoutKey(from, bytes) : bytes;
      const rtcp = onRtcpPort || isRtcp(bytes);
      for (const fork of forks) (fromCaller ? fork.caller : fork.callee)?.copy(copied, rtcp);
      if (events?.has(from, bytes) === true) this.#digits?.hear(from, bytes);
    };
  }

  #describe({ audio, isAudio }: Extract<Order, { kind: 'describe' }>): void {
    this.#audio = audio;
    this.#isAudio = isAudio;
    // Packets of one side have the payload types that the other asks for (RFC 3264 §5.1).
    for (const side of sides) this.#events?.describe(otherSide(side), audio[side]);
    for (const sound of this.#sounds.values()) sound.describe();
  }

  #play(number: number, play: Play): void {
    const now = (): number => performance.now();
    const sound = new SoundInCall(play, {
      players: this.#players,
      now,
      codecsTo: (side) => (this.#closed ? 'no-audio' : playedCodecs(this.#audio[otherSide(side)], this.#audio[side])),
      ownStream: (side) => (this.#ownStreams[side] ??= new OwnStream(now())),
      send: (side, packet) => this.#audioLine?.[side]?.send(packet, false),
      reachable: (side) => this.#audioLine?.[side]?.reachable === true,
    });
    this.#sounds.set(number, sound);
    void sound.ended.then((end) => {
      this.#sounds.delete(number);
      this.#options.onPlayed(number, end);
    });
  }
}
