/**
 * Which streams a recording session offers for a call whose packets are copied as they came: pure.
 *
 * The offer must describe exactly those packets: payload types as the
 * receiver of a packet declared them (RFC 3264 §5.1), keys of its sender (RFC 4568 §5.1).
 */
import { parseCryptoLine, singleKeyLines } from '../media/index.js';
import type { SdpCodec, SdpMedia } from '../sip/index.js';
import { streamLabel } from './door.js';

export interface OfferedStream {
  readonly label: string;
  readonly protocol: 'RTP/AVP' | 'RTP/SAVP';
  readonly codecs: readonly SdpCodec[];
  readonly crypto: readonly string[];
  readonly direction: 'sendonly' | 'inactive';
  readonly ptimeMs?: number;
}

/** The streams of caller and callee, in this order, from the latest SDP of each. */
export function offeredStreams(caller: SdpMedia, callee: SdpMedia, paused = false): readonly [OfferedStream, OfferedStream] {
  return [stream(streamLabel.caller, caller, callee, paused), stream(streamLabel.callee, callee, caller, paused)];
}

function stream(label: string, sender: SdpMedia, receiver: SdpMedia, paused: boolean): OfferedStream {
  const crypto = usedCrypto(sender.crypto, receiver.crypto);
  const sends = sender.direction === 'sendrecv' || sender.direction === 'sendonly';
  const wanted = receiver.direction === 'sendrecv' || receiver.direction === 'recvonly';
  return {
    label,
    protocol: sender.protocol.includes('SAVP') ? 'RTP/SAVP' : 'RTP/AVP',
    codecs: commonCodecs(sender, receiver),
    crypto: crypto === undefined ? [] : [crypto],
    direction: sends && wanted && !paused ? 'sendonly' : 'inactive',
    ...(receiver.ptimeMs === undefined ? {} : { ptimeMs: receiver.ptimeMs }),
  };
}

/** What `sender` may send to `receiver`, by the payload types of the latter, which has the first choice. */
export const commonCodecs = (sender: SdpMedia, receiver: SdpMedia): readonly SdpCodec[] =>
  receiver.codecs.filter((codec) => sender.codecs.some((other) => sameCodec(codec, other)));

const sameCodec = (a: SdpCodec, b: SdpCodec): boolean =>
  a.name.toUpperCase() === b.name.toUpperCase() && a.clockRate === b.clockRate && a.channels === b.channels;

/** The answerer names one line, by the tag of the offer's line that it took (RFC 4568 §5.1.2). */
function usedCrypto(own: readonly string[], others: readonly string[]): string | undefined {
  if (own.length <= 1 || others.length !== 1) return own[0];
  const taken = tagOf(others[0]);
  return own.find((line) => tagOf(line) === taken) ?? own[0];
}

function tagOf(line: string | undefined): number | undefined {
  if (line === undefined) return undefined;
  const [first = ''] = singleKeyLines(line);
  const parsed = parseCryptoLine(first);
  return typeof parsed === 'string' ? undefined : parsed.tag;
}
