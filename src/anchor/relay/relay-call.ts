/**
 * One call in the relay: for each media line a face to the caller and one to the callee, and for
 * the first audio line a fork of each direction.
 *
 * Invariants
 * 1. A packet that came in on one face goes out on the other of the same line, and nowhere else but the fork.
 * 2. The relay never changes a packet, but for the payload of one that goes to a side to which something is played;
 *    SRTP passes as it is.
 * 3. What the fork does or fails to do never delays or drops a packet of the call.
 */
import { Failure } from '../../errors/index.js';
import { isRtcp } from '../../media/index.js';
import { encodeRecordingOffer, readSdp, rewriteSdp, type Sdp, type SdpMedia } from '../../sip/index.js';
import { openMediaSockets, type PortPool } from '../../udp/index.js';
import { otherSide, sides, type AnchoredCall, type AnchorObserver, type DigitListener, type Play, type Playing, type RecordingOffer, type Side } from '../door.js';
import { Face } from './face.js';
import { Fork } from './fork.js';
import { OwnStream } from './own-stream.js';
import { playedCodecs } from './played-codecs.js';
import type { Player } from './player.js';
import { SoundInCall } from './playing.js';
import { PressedKeys } from './pressed-keys.js';
import { offeredStreams } from './recording-offer.js';
import { EventPackets } from './event-packets.js';

/** More media lines than any call we have seen uses; each costs sockets. */
const mediaLineLimit = 8;

type BySide<T> = Readonly<Record<Side, T>>;

export interface RelayCallOptions {
  readonly address: string;
  /** What SDPs name in its place, where it is behind a NAT. */
  readonly announced: string;
  readonly pool: PortPool;
  readonly observer: AnchorObserver;
  readonly onDigit: DigitListener | undefined;
  /** The copies do not tell which key was pressed. */
  readonly dtmfMasked: boolean;
  /** Neither party has sent anything for so long. */
  readonly onSilent?: (() => void) | undefined;
  /** The numeric origin of the SDPs made here (RFC 8866 §5.2). */
  readonly origin: string;
  readonly onClosed: () => void;
}

export class RelayCall implements AnchoredCall {
  readonly #options: RelayCallOptions;
  readonly #lines = new Map<number, Promise<BySide<Face>>>();
  /** Absent when nobody listens. */
  readonly #digits: PressedKeys | undefined;
  /** Absent when nobody cares which packets tell of keys. */
  readonly #events: EventPackets | undefined;
  readonly #said: Partial<Record<Side, Sdp>> = {};
  #forks: Promise<BySide<Fork>> | undefined;
  /** The forks once they are open: the packet path must not wait for a promise. */
  #openForks: BySide<Fork> | undefined;
  /** Of the audio line, once they are open. */
  #audioFaces: BySide<Face> | undefined;
  /** By the side that hears it; a side to which nothing is played has none. */
  readonly #players: Record<Side, Player | undefined> = { caller: undefined, callee: undefined };
  readonly #sounds = new Set<SoundInCall>();
  readonly #ownStreams: Partial<Record<Side, OwnStream>> = {};
  #audioLine: number | undefined;
  #paused = false;
  /** False once both sides have made a fax of that line (T.38): its packets are nothing to record. */
  #isAudio = true;
  #sessionVersion = 0;
  /** From both parties, and how many there were when somebody last looked and found more. */
  #packets = 0;
  #packetsBefore = -1;
  #silentSinceMs = 0;
  #closing: Promise<void> | undefined;

  constructor(options: RelayCallOptions) {
    this.#options = options;
    this.#digits = options.onDigit === undefined ? undefined : new PressedKeys(options.onDigit);
    this.#events = this.#digits === undefined && !options.dtmfMasked ? undefined : new EventPackets();
  }

  async exchange(from: Side, text: string): Promise<string> {
    if (this.#closing !== undefined) throw new Failure('SDP_UNUSABLE', 'the call has ended, its media cannot be changed any more');
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
        const faces = await this.#line(media);
        faces[from].pointAt(media.address, media.port, media.rtcpPort);
        const face = faces[otherSide(from)];
        return { address: this.#options.announced, rtpPort: face.rtpPort, rtcpPort: face.rtcpPort };
      }),
    );
    // Packets of this side's peer have the payload types that this side asks for (RFC 3264 §5.1).
    this.#events?.describe(otherSide(from), this.#audioOf(from));
    const line = this.#audioLine;
    this.#isAudio = line === undefined || sides.some((side) => (this.#said[side]?.media[line]?.kind ?? 'audio') === 'audio');
    for (const sound of this.#sounds) sound.describe();
    // The first packet may come as soon as this SDP is out; a fork that cannot be opened costs the recording, not the call.
    await this.#forks?.catch(() => undefined);
    return rewriteSdp(text, anchored);
  }

  async recordingOffer(): Promise<RecordingOffer | undefined> {
    const caller = this.#audioOf('caller');
    const callee = this.#audioOf('callee');
    if (caller === undefined || callee === undefined || this.#forks === undefined || this.#closing !== undefined) return undefined;
    const forks = await this.#forks;
    const streams = offeredStreams(caller, callee, this.#paused);
    if (streams.some((stream) => stream.codecs.length === 0)) return undefined;
    return {
      sdp: encodeRecordingOffer({
        address: this.#options.announced,
        origin: this.#options.origin,
        sessionVersion: ++this.#sessionVersion,
        media: [
          { ...streams[0], port: forks.caller.port },
          { ...streams[1], port: forks.callee.port },
        ],
      }),
      holdsKeys: streams.some((stream) => stream.crypto.length > 0),
    };
  }

  startFork(answer: string): Promise<void> {
    const sdp = readSdp(answer);
    if (typeof sdp === 'string') return Promise.reject(new Failure('SIPREC_UNUSABLE', `the recorder's answer cannot be read: ${sdp}`, { facts: { reason: sdp } }));
    sides.forEach((side, index) => {
      const media = sdp.media[index];
      const fork = this.#openForks?.[side];
      if (media === undefined || media.port === 0) fork?.stop();
      else fork?.start({ address: media.address, rtpPort: media.port, rtcpPort: media.rtcpMux ? media.port : media.rtcpPort });
    });
    return Promise.resolve();
  }

  pauseFork(): void {
    this.#paused = true;
    this.#openForks?.caller.pause();
    this.#openForks?.callee.pause();
  }

  resumeFork(): void {
    this.#paused = false;
    this.#openForks?.caller.resume();
    this.#openForks?.callee.resume();
  }

  stopFork(): void {
    this.#openForks?.caller.stop();
    this.#openForks?.callee.stop();
  }

  /** Looks whether anything has come since the last look; called every second or so. */
  listen(nowMs: number, timeoutMs: number): void {
    const talking = sides.every((side) => this.#audioOf(side)?.direction === 'sendrecv');
    if (!talking || this.#packets !== this.#packetsBefore) {
      this.#packetsBefore = this.#packets;
      this.#silentSinceMs = nowMs;
    } else if (nowMs - this.#silentSinceMs >= timeoutMs) {
      this.#silentSinceMs = nowMs;
      this.#options.onSilent?.();
    }
  }

  play(play: Play): Playing {
    const now = (): number => performance.now();
    const sound = new SoundInCall(play, {
      players: this.#players,
      now,
      codecsTo: (side) => (this.#closing === undefined ? playedCodecs(this.#audioOf(otherSide(side)), this.#audioOf(side)) : 'no-audio'),
      ownStream: (side) => (this.#ownStreams[side] ??= new OwnStream(now())),
      send: (side, packet) => this.#audioFaces?.[side].send(packet, false),
      reachable: (side) => this.#audioFaces?.[side].reachable === true,
    });
    this.#sounds.add(sound);
    void sound.ended.then(() => this.#sounds.delete(sound));
    return sound;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const sound of this.#sounds) sound.stop();
    // Sockets that could not be opened are no reason to keep the others.
    const lines = await Promise.allSettled(this.#lines.values());
    const faces = lines.flatMap((line) => (line.status === 'fulfilled' ? [line.value.caller, line.value.callee] : []));
    const forks = await this.#forks?.catch(() => undefined);
    await Promise.all([...faces, ...(forks === undefined ? [] : [forks.caller, forks.callee])].map((one) => one.close()));
    this.#options.onClosed();
  }

  #audioOf(side: Side): SdpMedia | undefined {
    const media = this.#audioLine === undefined ? undefined : this.#said[side]?.media[this.#audioLine];
    return media === undefined || media.port === 0 || media.kind !== 'audio' ? undefined : media;
  }

  async #line(media: SdpMedia): Promise<BySide<Face>> {
    if (media.kind === 'audio' && this.#audioLine === undefined) {
      this.#audioLine = media.index;
      this.#forks = this.#openAll((sockets) => new Fork(sockets, this.#options.observer));
      this.#forks.then(
        (forks) => {
          this.#openForks = forks;
          if (this.#paused) this.pauseFork();
        },
        () => undefined,
      );
    }
    let line = this.#lines.get(media.index);
    if (line === undefined) {
      line = this.#openLine(media.index);
      this.#lines.set(media.index, line);
      // The one who awaits it below learns of a failure; close() may come first.
      line.catch(() => undefined);
    }
    return line;
  }

  async #openLine(index: number): Promise<BySide<Face>> {
    const { observer, dtmfMasked } = this.#options;
    const faces: Partial<Record<Side, Face>> = {};
    const through = (from: Side) => (bytes: Buffer, onRtcpPort: boolean): void => {
      const to = otherSide(from);
      const player = index === this.#audioLine ? this.#players[to] : undefined;
      faces[to]?.send(player === undefined || onRtcpPort ? bytes : player.through(bytes), onRtcpPort);
      this.#packets += 1;
      observer.relayed(from);
      if (index !== this.#audioLine || !this.#isAudio) return;
      const events = onRtcpPort ? undefined : this.#events;
      this.#openForks?.[from].copy(dtmfMasked && events !== undefined ? events.withoutKey(from, bytes) : bytes, onRtcpPort || isRtcp(bytes));
      if (events?.has(from, bytes) === true) this.#digits?.hear(from, bytes);
    };
    const opened = await this.#openAll((sockets, index) => new Face(sockets, observer, through(sides[index] ?? 'caller')));
    Object.assign(faces, opened);
    if (index === this.#audioLine) this.#audioFaces = opened;
    return opened;
  }

  /** One of each for caller and callee, or none: a pair whose partner failed is closed again. */
  async #openAll<T>(make: (sockets: Awaited<ReturnType<typeof openMediaSockets>>, index: number) => T): Promise<BySide<T>> {
    const { address, pool } = this.#options;
    const caller = await openMediaSockets(address, pool);
    try {
      const callee = await openMediaSockets(address, pool);
      return { caller: make(caller, 0), callee: make(callee, 1) };
    } catch (error) {
      await caller.close();
      throw error;
    }
  }
}

/** Media that is datagrams; others (MSRP over TCP) go from end to end. */
const relayable = (media: SdpMedia): boolean => media.port !== 0 && /^(RTP\/|UDP\/|udp|udptl$)/i.test(media.protocol);
