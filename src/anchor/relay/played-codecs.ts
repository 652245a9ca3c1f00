/**
 * What may be played to one side of a call, by the latest SDP of both: pure.
 *
 * Payload types are those that the receiver declared (RFC 3264 §5.1).
 */
import { voiceCodec, type VoiceCodec } from '../../media/index.js';
import type { SdpMedia } from '../../sip/index.js';
import { commonCodecs } from '../offered-streams.js';

export interface PlayedCodecs {
  /** Whose payloads can be changed. */
  readonly playable: ReadonlyMap<number, VoiceCodec>;
  /** Audio that cannot. */
  readonly foreign: ReadonlySet<number>;
  /** Keys that are pressed (RFC 4733): they go on, and show that their sender is there. */
  readonly events: ReadonlySet<number>;
  /** What is sent where the other side sends nothing: the receiver's first choice. */
  readonly own: { readonly payloadType: number; readonly codec: VoiceCodec };
  /** False on hold: the receiver wants to hear nothing. */
  readonly wanted: boolean;
}

/** Why nothing can be played. */
export type Unplayable = 'encrypted' | 'codec' | 'no-audio';

const eventNames = new Set(['telephone-event', 'tone']);
/** Comfort noise (RFC 3389) goes on as it is, and shows that its sender says nothing. */
const comfortNoise = 'cn';

export function playedCodecs(sender: SdpMedia | undefined, receiver: SdpMedia | undefined): PlayedCodecs | Unplayable {
  if (sender === undefined || receiver === undefined) return 'no-audio';
  if (isEncrypted(sender, receiver)) return 'encrypted';
  const playable = new Map<number, VoiceCodec>();
  const foreign = new Set<number>();
  const events = new Set<number>();
  for (const { name, clockRate, payloadType } of commonCodecs(sender, receiver)) {
    const codec = voiceCodec(name, clockRate);
    if (codec !== undefined) playable.set(payloadType, codec);
    else if (eventNames.has(name.toLowerCase())) events.add(payloadType);
    else if (name.toLowerCase() !== comfortNoise) foreign.add(payloadType);
  }
  const [first] = playable;
  if (first === undefined) return foreign.size === 0 ? 'no-audio' : 'codec';
  const [payloadType, codec] = first;
  const wanted = receiver.direction === 'sendrecv' || receiver.direction === 'recvonly';
  return { playable, foreign, events, own: { payloadType, codec }, wanted };
}

/**
 * The keys pass the relay and are the parties'. To encrypt other audio with a sender's key at an index that it uses
 * itself would give both away: a key stream must not be used twice (RFC 3711 §9.1).
 * Keys in an SDP of plain RTP are taken as agreed upon when both sides name some.
 */
const isEncrypted = (sender: SdpMedia, receiver: SdpMedia): boolean =>
  [sender, receiver].some(({ protocol }) => protocol.toUpperCase().includes('SAVP')) || (sender.crypto.length > 0 && receiver.crypto.length > 0);
