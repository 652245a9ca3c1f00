/**
 * What a capture tells beside packets: how it began, which streams there are, why it ended.
 *
 * Pure. parseEvent is total: what a capture says may come from another version, or from anyone who has the
 * vault's public key, since sealing proves nothing about the sender.
 *
 * Leaves to  recorder/ what the values mean; vault/ sealing the keys of a stream.
 */

/** A codec as the SDP of the recording session named it (RFC 8866 §6.6). */
export interface CaptureCodec {
  readonly payloadType: number;
  readonly name: string;
  readonly clockRate: number;
  readonly channels: number;
  readonly fmtp?: string;
}

/** One media stream of a recording session, one m= line of the offer. */
export interface CaptureStream {
  /** What packets name their stream by; 0 to 65535. */
  readonly index: number;
  /** RFC 4574 label, which SIPREC metadata refers to. */
  readonly label: string;
  readonly role: 'caller' | 'callee' | 'other';
  /** SIP URI of the participant that sends it. */
  readonly party: string;
  readonly codecs: readonly CaptureCodec[];
  readonly direction: 'active' | 'inactive';
  /** base64 of sealSecret(value of an a=crypto line), never the value itself. */
  readonly sealedKeys: readonly string[];
  /** Whether its packets are SRTP, with or without known keys. */
  readonly encrypted: boolean;
}

/** What the recording client has said of the recording; each time all of it. */
export interface CaptureControl {
  /** False: nobody has asked for it yet, and it is to be discarded unless somebody does. */
  readonly keep: boolean;
  /** Stretches that were not copied, unix ms of the client's clock; one that lasts has no end. */
  readonly pauses: readonly { readonly fromMs: number; readonly toMs?: number }[];
  readonly said: readonly { readonly atMs: number; readonly command: string; readonly by: string }[];
  readonly tags: Readonly<Record<string, string>>;
  /** For how long the recording is kept, unix ms; without an end where none is said. */
  readonly retention?: { readonly class: string; readonly untilMs?: number };
  /** True: the recording does not tell which keys were pressed. */
  readonly dtmfMasked?: boolean;
}

/** How a capture came to its session, where its client gave no ID of the call: by where the media of its other half came from. */
export type PairedBy = 'media-address';

/** The first record of a capture is always a `begin`. */
export type CaptureEvent =
  | {
      readonly type: 'begin';
      readonly captureId: string;
      readonly sessionId: string;
      readonly recorder: string;
      /** What the recorder knows of the session beside; names that a reader does not know say nothing to it. */
      readonly metadata: Readonly<Record<string, unknown>>;
      /** In the first record, so that no moment passes in which a kill would leave a capture that seems wanted. */
      readonly control?: CaptureControl;
    }
  /** In place of all that was said before. */
  | { readonly type: 'control'; readonly control: CaptureControl }
  /** All streams there are from now on; at the beginning and at each change. */
  | { readonly type: 'streams'; readonly streams: readonly CaptureStream[] }
  | { readonly type: 'end'; readonly reason: string };

/** The last instant that a Date can hold (ECMA-262 §21.4.1.1). */
const latestMs = 8.64e15;

export type EventReject = 'event-not-json' | 'event-unknown' | 'event-shape';

export const encodeEvent = (event: CaptureEvent): Buffer => Buffer.from(JSON.stringify(event));

export const encodePairedBy = (pairedBy: PairedBy): Readonly<Record<string, unknown>> => ({ pairedBy });

/** Out of the metadata of a `begin`; undefined for a capture whose client said which call it is of. */
export const parsePairedBy = ({ pairedBy }: Readonly<Record<string, unknown>>): PairedBy | undefined => (pairedBy === 'media-address' ? pairedBy : undefined);

/** Members that this version does not know are left out. */
export function parseEvent(bytes: Buffer): CaptureEvent | EventReject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch {
    return 'event-not-json';
  }
  if (!isObject(parsed)) return 'event-shape';
  switch (parsed['type']) {
    case 'begin': {
      const { captureId, sessionId, recorder, metadata } = parsed;
      if (typeof captureId !== 'string' || typeof sessionId !== 'string') return 'event-shape';
      if (typeof recorder !== 'string' || !isObject(metadata)) return 'event-shape';
      if (parsed['control'] === undefined) return { type: 'begin', captureId, sessionId, recorder, metadata };
      const control = parseControl(parsed['control']);
      return control === undefined ? 'event-shape' : { type: 'begin', captureId, sessionId, recorder, metadata, control };
    }
    case 'control': {
      const control = parseControl(parsed['control']);
      return control === undefined ? 'event-shape' : { type: 'control', control };
    }
    case 'streams': {
      const streams = listOf(parsed['streams'], parseStream);
      return streams === undefined ? 'event-shape' : { type: 'streams', streams };
    }
    case 'end': {
      const { reason } = parsed;
      return typeof reason === 'string' ? { type: 'end', reason } : 'event-shape';
    }
    default:
      return 'event-unknown';
  }
}

function parseControl(value: unknown): CaptureControl | undefined {
  if (!isObject(value)) return undefined;
  const { keep } = value;
  const pauses = listOf(value['pauses'], (pause) => {
    if (!isObject(pause) || !isInstant(pause['fromMs'])) return undefined;
    const { fromMs, toMs } = pause;
    if (toMs === undefined) return { fromMs };
    return isInstant(toMs) ? { fromMs, toMs } : undefined;
  });
  const said = listOf(value['said'], (one) => {
    if (!isObject(one)) return undefined;
    const { atMs, command, by } = one;
    return isInstant(atMs) && typeof command === 'string' && typeof by === 'string' ? { atMs, command, by } : undefined;
  });
  const tags = isObject(value['tags']) ? Object.entries(value['tags']) : undefined;
  if (typeof keep !== 'boolean' || pauses === undefined || said === undefined) return undefined;
  if (tags?.every((tag): tag is [string, string] => typeof tag[1] === 'string') !== true) return undefined;
  const retention = value['retention'] === undefined ? undefined : parseRetention(value['retention']);
  const { dtmfMasked } = value;
  if (retention === null || (dtmfMasked !== undefined && typeof dtmfMasked !== 'boolean')) return undefined;
  return { keep, pauses, said, tags: Object.fromEntries(tags), ...(retention === undefined ? {} : { retention }), ...(dtmfMasked === undefined ? {} : { dtmfMasked }) };
}

/** Null when it is not right. */
function parseRetention(value: unknown): CaptureControl['retention'] | null {
  if (!isObject(value)) return null;
  const { class: name, untilMs } = value;
  if (typeof name !== 'string') return null;
  if (untilMs === undefined) return { class: name };
  return isInstant(untilMs) ? { class: name, untilMs } : null;
}

function parseStream(value: unknown): CaptureStream | undefined {
  if (!isObject(value)) return undefined;
  const { index, label, role, party, direction, encrypted } = value;
  const codecs = listOf(value['codecs'], parseCodec);
  const sealedKeys = listOf(value['sealedKeys'], (key) => (typeof key === 'string' ? key : undefined));
  if (!isCount(index) || typeof label !== 'string' || typeof party !== 'string') return undefined;
  if (typeof encrypted !== 'boolean') return undefined;
  if (role !== 'caller' && role !== 'callee' && role !== 'other') return undefined;
  if (direction !== 'active' && direction !== 'inactive') return undefined;
  if (codecs === undefined || sealedKeys === undefined) return undefined;
  return { index, label, role, party, codecs, direction, sealedKeys, encrypted };
}

function parseCodec(value: unknown): CaptureCodec | undefined {
  if (!isObject(value)) return undefined;
  const { payloadType, name, clockRate, channels, fmtp } = value;
  if (!isCount(payloadType) || typeof name !== 'string' || !isCount(clockRate) || !isCount(channels)) return undefined;
  if (fmtp === undefined) return { payloadType, name, clockRate, channels };
  return typeof fmtp === 'string' ? { payloadType, name, clockRate, channels, fmtp } : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isInstant = (value: unknown): value is number => typeof value === 'number' && Math.abs(value) <= latestMs;

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** Every item parsed, or undefined when it is no list or one item is not right. */
function listOf<T>(value: unknown, parse: (item: unknown) => T | undefined): T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: T[] = [];
  for (const item of value) {
    const parsed = parse(item);
    if (parsed === undefined) return undefined;
    items.push(parsed);
  }
  return items;
}
