/**
 * One call in the relay, from the side of signalling: what its SDPs say, and what its media thread is ordered to do.
 *
 * Leaves to  media-call.ts the packets; call-seat.ts the ports; call-forks.ts what recorders get.
 */
import { Failure } from '../../errors/index.js';
import { readSdp, rewriteSdp, type Sdp, type SdpMedia } from '../../sip/index.js';
import { otherSide, sides, type AnchoredCall, type CallFork, type DigitListener, type ForkTrouble, type Play, type PlayEnd, type Playing, type PlayOutcome, type RecordingOffer, type Side } from '../door.js';
import type { CallListener, CallSeats } from './media-thread.js';
import type { SharedSound } from './orders.js';
import { offeredStreams, type OfferedStream } from '../offered-streams.js';
import { CallForks } from './call-forks.js';
import { CallSeat, type RelayPlace } from './call-seat.js';

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

interface Sounding {
  readonly to: readonly Side[];
  readonly tellEnd: (end: PlayEnd) => void;
}

export class RelayCall implements AnchoredCall, CallListener {
  readonly #options: RelayCallOptions;
  /** The RTP port of each face. */
  readonly #lines = new Map<number, Promise<BySide<number>>>();
  readonly #said: Partial<Record<Side, Sdp>> = {};
  readonly #seat: CallSeat;
  readonly #forks: CallForks;
  readonly #own: Required<CallFork>;
  #audioLine: number | undefined;
  readonly #sounds = new Map<number, Sounding>();
  #plays = 0;
  #closing: Promise<void> | undefined;

  constructor(options: RelayCallOptions) {
    this.#options = options;
    const { thread, number, dscp, places, origin, dtmfMasked, silentMs, onDigit } = options;
    this.#seat = new CallSeat({ thread, number, dscp, listener: this });
    this.#forks = new CallForks({ seat: this.#seat, place: places.copies, origin, streams: (paused) => this.#streams(paused) });
    this.#own = this.#forks.add(sides);
    void this.#seat.order({ kind: 'open', dtmfMasked, silentMs, hearsKeys: onDigit !== undefined });
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
        await this.#seat.order({ kind: 'point', line: media.index, side: from, rtp: { address, port }, rtcp: { address, port: rtcpPort }, crypto });
        const to = otherSide(from);
        const rtpPort = ports[to];
        return { address: this.#options.places[to].announced, rtpPort, rtcpPort: rtpPort + 1 };
      }),
    );
    const line = this.#audioLine;
    const isAudio = line === undefined || sides.some((side) => (this.#said[side]?.media[line]?.kind ?? 'audio') === 'audio');
    await this.#seat.order({ kind: 'describe', isAudio, audio: { ...this.#audioBySide() } });
    // The first packet may come as soon as this SDP is out; a fork that cannot be opened costs the recording, not the call.
    await this.#forks.opened();
    this.#checkRuns();
    return rewriteSdp(text, anchored);
  }

  recordingOffer(): Promise<RecordingOffer | undefined> {
    return this.#own.recordingOffer();
  }

  startFork(answer: string): Promise<void> {
    return this.#own.startFork(answer);
  }

  detachFork(): Promise<void> {
    return this.#own.detachFork();
  }

  forkConfirmed(withinMs: number): Promise<boolean> {
    return this.#own.forkConfirmed(withinMs);
  }

  stopFork(): Promise<void> {
    return this.#own.stopFork();
  }

  watchFork(told: (trouble: ForkTrouble) => void): void {
    this.#own.watchFork(told);
  }

  openFork(of: readonly Side[]): CallFork {
    return this.#forks.add(of);
  }

  pauseFork(): Promise<void> {
    return this.#forks.pause();
  }

  resumeFork(): Promise<void> {
    return this.#forks.resume();
  }

  play({ sound, to, over, meanwhile }: Play): Playing {
    if (this.#closing !== undefined) return { ended: Promise.resolve(endOf(to, 'no-audio')), stop: () => undefined };
    const play = (this.#plays += 1);
    const ended = new Promise<PlayEnd>((tellEnd) => this.#sounds.set(play, { to, tellEnd }));
    void this.#seat.order({ kind: 'play', play, sound: this.#options.share(sound), to, over, ...(meanwhile === undefined ? {} : { meanwhile }) });
    return { ended, stop: () => void this.#seat.order({ kind: 'stop-play', play }) };
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

  forkTrouble(fork: number, trouble: ForkTrouble): void {
    this.#forks.troubled(fork, trouble);
  }

  played(play: number, end: PlayEnd): void {
    this.#sounds.get(play)?.tellEnd(end);
    this.#sounds.delete(play);
  }

  restarted(): void {
    for (const [play, { to }] of [...this.#sounds]) this.played(play, endOf(to, 'failed'));
  }

  async #close(): Promise<void> {
    this.#forks.close();
    // Pairs that are being opened give themselves back when that has failed or is done.
    await Promise.allSettled([...this.#lines.values(), this.#forks.opened()]);
    await this.#seat.leave();
    for (const [play, { to }] of [...this.#sounds]) this.played(play, endOf(to, 'cut'));
    this.#options.onClosed();
  }

  #checkRuns(): void {
    if (this.#closing !== undefined) throw new Failure('SDP_UNUSABLE', 'the call has ended, its media cannot be changed any more');
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

  #streams(paused: boolean): BySide<OfferedStream> | undefined {
    const { caller, callee } = this.#audioBySide();
    if (caller === undefined || callee === undefined || this.#closing !== undefined) return undefined;
    const [ofCaller, ofCallee] = offeredStreams(caller, callee, paused);
    return { caller: ofCaller, callee: ofCallee };
  }

  #line({ index, kind }: SdpMedia): Promise<BySide<number>> {
    const known = this.#lines.get(index);
    if (known !== undefined) return known;
    const isAudio = kind === 'audio' && this.#audioLine === undefined;
    if (isAudio) {
      this.#audioLine = index;
      this.#forks.open();
    }
    const line = this.#seat.openPairs(sides, (side) => this.#options.places[side], (side, pair) => ({ kind: 'face', line: index, side, pair, isAudio }));
    this.#lines.set(index, line);
    // The one who awaits it learns of a failure; close() may come first.
    line.catch(() => undefined);
    return line;
  }
}

const endOf = (to: readonly Side[], outcome: PlayOutcome): PlayEnd => Object.fromEntries(to.map((side) => [side, outcome]));

/** Media that is datagrams; others (MSRP over TCP) go from end to end. */
const relayable = (media: SdpMedia): boolean => media.port !== 0 && /^(RTP\/|UDP\/|udp|udptl$)/i.test(media.protocol);
