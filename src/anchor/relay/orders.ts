/**
 * What the relay's main side orders its media threads to do for a call, and what those tell. One channel a thread, in order.
 */
import type { AudioSource, SrtpBy } from '../../media/index.js';
import type { SdpMedia } from '../../sip/index.js';
import type { Datagrams, DatagramShare, Endpoint } from '../../udp/index.js';
import type { ForkTrouble, Play, PlayEnd, Side } from '../door.js';
import type { ForkTarget } from './fork.js';
import type { Rank } from './thread-priority.js';

/** A sound as it travels: whoever got one under this number has it. */
export interface SharedSound {
  readonly number: number;
  readonly audio: AudioSource;
}

export type Order =
  | { readonly kind: 'open'; readonly dtmfMasked: boolean; readonly hearsKeys: boolean; readonly silentMs: number | undefined }
  /** Opens a pair of sockets, for what follows to name. */
  | { readonly kind: 'bind'; readonly pair: number; readonly address: string; readonly port: number; readonly dscp: number | undefined }
  | { readonly kind: 'unbind'; readonly pair: number }
  | { readonly kind: 'face'; readonly line: number; readonly side: Side; readonly pair: number; readonly isAudio: boolean }
  /** `fork` is the number of one for each recorder. */
  | { readonly kind: 'fork'; readonly fork: number; readonly side: Side; readonly pair: number }
  | { readonly kind: 'point'; readonly line: number; readonly side: Side; readonly rtp: Endpoint; readonly rtcp: Endpoint; readonly crypto: readonly string[] }
  | { readonly kind: 'describe'; readonly audio: Readonly<Partial<Record<Side, SdpMedia>>>; readonly isAudio: boolean }
  /** Where the copies go; a side without a target gets none. */
  | { readonly kind: 'copy'; readonly fork: number; readonly targets: Readonly<Partial<Record<Side, ForkTarget>>> }
  | { readonly kind: 'gate'; readonly to: 'paused' | 'flowing' }
  /** The recorder has left: what it has not confirmed is kept for the next. */
  | { readonly kind: 'detach-copies'; readonly fork: number }
  | { readonly kind: 'stop-copies'; readonly fork: number }
  /** Refused with notConfirmed when that does not come in time. */
  | { readonly kind: 'await-confirmed'; readonly fork: number; readonly withinMs: number }
  | ({ readonly kind: 'play'; readonly play: number; readonly sound: SharedSound } & Omit<Play, 'sound'>)
  | { readonly kind: 'stop-play'; readonly play: number }
  | { readonly kind: 'close' };

/** The code of that refusal. */
export const notConfirmed = 'NOT_CONFIRMED';

export interface ToThread {
  readonly call: number;
  readonly order: Order;
  /** Which answer is awaited. */
  readonly reply: number;
}

export interface Refusal {
  readonly message: string;
  readonly code?: string | undefined;
}

export type FromThread =
  | { readonly kind: 'ready'; readonly datagrams: Datagrams['kind']; readonly srtp: SrtpBy; readonly rank: Rank }
  | { readonly kind: 'done'; readonly reply: number; readonly refused?: Refusal }
  | { readonly kind: 'key'; readonly call: number; readonly from: Side; readonly key: string }
  | { readonly kind: 'silent'; readonly call: number }
  | { readonly kind: 'fork-trouble'; readonly call: number; readonly fork: number; readonly trouble: ForkTrouble }
  | { readonly kind: 'played'; readonly call: number; readonly play: number; readonly end: PlayEnd };

export interface ThreadData {
  readonly accelerator: 'auto' | 'off';
  /** Whether it is to be, where the system allows it: see thread-priority.ts. */
  readonly inRealTime: boolean;
  /** See packet-counts.ts. */
  readonly counts: SharedArrayBuffer;
  readonly share: DatagramShare;
}
