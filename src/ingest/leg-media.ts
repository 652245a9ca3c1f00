/**
 * What the SDP of both ends of a leg say of its streams (RFC 3264, RFC 4568, RFC 7866).
 *
 * A party's packets go to where its peer's SDP says and mostly come from where its own says; they have the payload types
 * of the peer's SDP and the key of its own.
 *
 * Leaves to  leg.ts which SDP is an offer and which an answer; flows.ts what is true of the addresses.
 */
import { readSdp, senderOf, type RecordingMetadata, type SdpMedia } from '../sip/index.js';
import type { CaptureCodec } from '../capture/index.js';
import { LegStream } from './leg-stream.js';
import type { Side } from './rtp-rules.js';
import type { Spools } from './spool.js';
import type { Role } from './stream-description.js';

/** A place that an SDP names, and whose packets come from and go to it. */
export interface MediaPlace {
  readonly address: string;
  readonly port: number;
  readonly sends: LegStream | undefined;
  readonly receives: LegStream | undefined;
}

export interface LegMedia {
  readonly streams: readonly LegStream[];
  /** Takes one side's SDP; the places that it names, none when it cannot be read. `answers`: it answers the other side's. */
  take(side: Side, sdp: string, answers: boolean): readonly MediaPlace[];
  /** One side's offer was refused: what it said before holds again (RFC 3261 §14.1). */
  withdraw(side: Side): void;
  /** Of a recording session. */
  learn(metadata: RecordingMetadata): void;
}

const otherOf = (side: Side): Side => (side === 'caller' ? 'callee' : 'caller');

const audioLines = (sdp: string): readonly SdpMedia[] => {
  const read = readSdp(sdp);
  return typeof read === 'string' ? [] : read.media.filter(({ kind }) => kind === 'audio');
};

/** RTP and RTCP, where it says that they come. */
function placesOf({ address, port, rtcpAddress, rtcpPort }: SdpMedia, sends: LegStream | undefined, receives: LegStream | undefined): MediaPlace[] {
  if (port === 0) return [];
  const rtp = { address, port, sends, receives };
  return rtcpPort === 0 || (rtcpPort === port && rtcpAddress === address) ? [rtp] : [rtp, { address: rtcpAddress, port: rtcpPort, sends, receives }];
}

const isSrtp = ({ protocol }: SdpMedia): boolean => protocol.toUpperCase().includes('SAVP');

/** RFC 2543's hold is an address of zeros: nothing is to come. */
const takesMedia = ({ direction, port, address }: SdpMedia): boolean => port !== 0 && (direction === 'sendrecv' || direction === 'recvonly') && !/^(?:0\.0\.0\.0|::)$/u.test(address);
const sendsMedia = ({ direction, port }: SdpMedia): boolean => port !== 0 && (direction === 'sendrecv' || direction === 'sendonly');

/** The codecs by payload type; of two with one number the first list's. */
const together = (first: readonly CaptureCodec[], second: readonly CaptureCodec[]): CaptureCodec[] => [
  ...first,
  ...second.filter(({ payloadType }) => !first.some((codec) => codec.payloadType === payloadType)),
];

/** What was offered of keys and is in use: the line with the answer's tag (RFC 4568 §5.1.2). */
function inUse(offered: readonly string[], answered: readonly string[]): readonly string[] {
  const tags = new Set(answered.map((line) => line.trim().split(/\s+/u, 1)[0]));
  const chosen = offered.filter((line) => tags.has(line.trim().split(/\s+/u, 1)[0]));
  return chosen.length === 0 ? offered : chosen;
}

/** A call: each side says one stream. */
export class CallMedia implements LegMedia {
  readonly #streams: Readonly<Record<Side, LegStream>>;
  readonly #said: Partial<Record<Side, SdpMedia>> = {};
  readonly #before: Partial<Record<Side, SdpMedia>> = {};
  readonly streams: readonly LegStream[];

  constructor(
    private readonly parties: Readonly<Record<Side, string>>,
    /** The party that calls here is the other one of the session: it was called, and goes on by itself. */
    swapped: boolean,
    spools: Spools,
  ) {
    const stream = (side: Side): LegStream => new LegStream(swapped ? otherOf(side) : side, 0, spools);
    this.#streams = { caller: stream('caller'), callee: stream('callee') };
    this.#streams.caller.opposite = this.#streams.callee;
    this.#streams.callee.opposite = this.#streams.caller;
    this.streams = [this.#streams.caller, this.#streams.callee];
    for (const side of ['caller', 'callee'] as const) this.#describe(side);
  }

  take(side: Side, sdp: string, answers: boolean): readonly MediaPlace[] {
    const lines = audioLines(sdp);
    const audio = lines.find(({ port }) => port !== 0) ?? lines[0];
    if (audio === undefined) return [];
    const offer = this.#said[otherOf(side)];
    if (answers && offer !== undefined) this.#said[otherOf(side)] = { ...offer, crypto: inUse(offer.crypto, audio.crypto) };
    const before = this.#said[side];
    if (before !== undefined) this.#before[side] = before;
    this.#said[side] = audio;
    this.#describe('caller');
    this.#describe('callee');
    return placesOf(audio, this.#streams[side], this.#streams[otherOf(side)]);
  }

  withdraw(side: Side): void {
    const before = this.#before[side];
    if (before === undefined) return;
    this.#said[side] = before;
    this.#describe('caller');
    this.#describe('callee');
  }

  learn(): void {
    // A call has no metadata.
  }

  #describe(side: Side): void {
    const own = this.#said[side];
    const peer = this.#said[otherOf(side)];
    this.#streams[side].describe({
      label: side === 'caller' ? '1' : '2',
      party: this.parties[side],
      codecs: together(peer?.codecs ?? [], own?.codecs ?? []),
      direction: (own === undefined || sendsMedia(own)) && (peer === undefined || takesMedia(peer)) ? 'active' : 'inactive',
      // Some offer keys on a line of plain RTP, and mean it where the answer has one too.
      encrypted: [own, peer].some((line) => line !== undefined && isSrtp(line)) || [own, peer].every((line) => line !== undefined && line.crypto.length > 0),
      crypto: own?.crypto ?? [],
    });
  }
}

/** A recording session: one side says a stream on each of its lines, the other takes them. */
export class RecordingMedia implements LegMedia {
  readonly streams: LegStream[] = [];
  readonly #said: { sender: readonly SdpMedia[]; taker: readonly SdpMedia[] } = { sender: [], taker: [] };
  #metadata: RecordingMetadata | undefined;

  /** @param parties who speaks on which line, where it is told otherwise than by metadata. @param firstRole of the first line */
  constructor(
    private readonly parties: readonly string[],
    private readonly firstRole: Side,
    private readonly spools: Spools,
  ) {}

  take(side: Side, sdp: string, answers: boolean): readonly MediaPlace[] {
    const lines = audioLines(sdp);
    if (lines.length === 0) return [];
    if (answers && side === 'callee') this.#said.sender = this.#said.sender.map((line, at) => ({ ...line, crypto: inUse(line.crypto, lines[at]?.crypto ?? []) }));
    this.#said[side === 'caller' ? 'sender' : 'taker'] = lines;
    while (this.streams.length < lines.length) this.streams.push(new LegStream(this.#role(this.streams.length), this.streams.length, this.spools));
    this.#describe();
    return lines.flatMap((line, at) => (side === 'caller' ? placesOf(line, this.streams[at], undefined) : placesOf(line, undefined, this.streams[at])));
  }

  withdraw(): void {
    // A server that refuses a change ends the session, or is offered the next.
  }

  learn(metadata: RecordingMetadata): void {
    // One that tells only what has changed leaves the rest as it was (RFC 7865 §6.1).
    if (metadata.dataMode === 'partial' && this.#metadata !== undefined && metadata.participants.length === 0) return;
    this.#metadata = metadata;
    this.#describe();
  }

  #role(at: number): Role {
    if (at === 0) return this.firstRole;
    return at === 1 && this.firstRole === 'caller' ? 'callee' : 'other';
  }

  #describe(): void {
    for (const [at, stream] of this.streams.entries()) {
      const own = this.#said.sender[at];
      const peer = this.#said.taker[at];
      const label = own?.label ?? String(at + 1);
      const named = this.#metadata === undefined ? undefined : senderOf(this.#metadata, label)?.aor;
      stream.describe({
        label,
        party: named ?? this.parties[at] ?? stream.description.party,
        codecs: together(peer?.codecs ?? [], own?.codecs ?? []),
        direction: (own === undefined || sendsMedia(own)) && (peer === undefined || takesMedia(peer)) ? 'active' : 'inactive',
        encrypted: [own, peer].some((line) => line !== undefined && isSrtp(line)),
        crypto: own?.crypto ?? [],
      });
    }
  }
}
