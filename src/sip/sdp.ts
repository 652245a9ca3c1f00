/**
 * Reading an SDP (RFC 8866, RFC 3264, RFC 3605, RFC 4568, RFC 4574, RFC 5761, RFC 8124).
 *
 * Total: any text gives a value or a reason. It reads liberally: makers leave out `v=`, `c=` or
 * rtpmap, and end lines with LF. What concerns only one codec is left out with that codec; what
 * makes the media lines uncountable refuses the whole, since an answer must have as many.
 *
 * Owns       what each media line says.
 * Leaves to  sdp-transform the grammar of attributes; media/ what a codec means; proxy and recorder
 *            what to do about it. `crypto` holds keys: never log an `Sdp`.
 */
import { parse, type MediaDescription } from 'sdp-transform';

import { parseMediaLine, splitSdp, type MediaLine, type SdpLine, type SdpSections } from './sdp-lines.js';
import { staticPayloadTypes } from './static-payload-types.js';

export type SdpDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

export interface SdpCodec {
  payloadType: number;
  /** The encoding name as written: compare without regard to case (RFC 8866 §6.6). */
  name: string;
  /** RTP timestamp ticks per second. */
  clockRate: number;
  channels: number;
  fmtp?: string;
}

export interface SdpMedia {
  /** Position among the m= lines, from 0. */
  index: number;
  /** `audio`, `video`, `image`, ... as written. */
  kind: string;
  /** `RTP/AVP`, `RTP/SAVP`, `udptl`, ... as written. */
  protocol: string;
  /** From the nearest c= line, without TTL; `0.0.0.0` is a hold of RFC 2543; empty when no c= covers it. */
  address: string;
  /** 0 when the media is refused or ended. */
  port: number;
  /** From a=rtcp, else the RTP port under rtcp-mux, else the next; 0 when there is none. */
  rtcpPort: number;
  rtcpAddress: string;
  rtcpMux: boolean;
  direction: SdpDirection;
  /** In order of preference. Payload types that neither rtpmap nor RFC 3551 name are left out. */
  codecs: readonly SdpCodec[];
  /** What follows `a=crypto:`, as received. Secret. */
  crypto: readonly string[];
  label?: string;
  ptimeMs?: number;
  /** The sender wants to be told in RTCP from which packet on losses are counted (RFC 3611 §5.1). */
  lossSummaries?: boolean;
  /** Of media that travels over a WebSocket: where its passive side takes it (RFC 8124). It may hold a secret. */
  webSocket?: string;
  /** The formats of the m= line as written, which is all there is for media that are not RTP. */
  formats?: readonly string[];
}

export interface Sdp {
  media: readonly SdpMedia[];
  /** From the c= line of the session level. */
  sessionAddress?: string;
}

export const sdpRejects = ['empty', 'too-long', 'malformed', 'no-media', 'too-many-media'] as const;
export type SdpReject = (typeof sdpRejects)[number];

/** An SDP of six audio lines has some 3 KiB; what arrives in one SIP message is below 64 KiB. */
const maxSdpChars = 65_536;
const maxMedia = 32;
const maxCryptoPerMedia = 32;

/**
 * Reads an SDP.
 *
 * @returns the media in order, or why not: `empty`; `too-long` (over 65,536 characters); `malformed`
 *          (no SDP line, or an m= line without kind, port and protocol); `no-media`;
 *          `too-many-media` (over 32).
 */
export function readSdp(text: string): Sdp | SdpReject {
  if (text.length > maxSdpChars) return 'too-long';
  if (text.trim() === '') return 'empty';
  const sections = splitSdp(text);
  if (sections.media.length === 0) return sections.session.some(isSdpLine) ? 'no-media' : 'malformed';
  if (sections.media.length > maxMedia) return 'too-many-media';

  const attributes = parse(understoodLines(sections));
  const sessionAddress = withoutTtl(attributes.connection?.ip);
  const media: SdpMedia[] = [];
  for (const [index, lines] of sections.media.entries()) {
    const mediaLine = parseMediaLine(lines[0]?.text ?? '');
    const described = attributes.media[index];
    if (mediaLine === undefined || described === undefined) return 'malformed';
    media.push(readMedia(index, mediaLine, lines, described, sessionAddress, attributes.direction));
  }
  return { media, ...(sessionAddress === undefined ? {} : { sessionAddress }) };
}

const understood =
  /^(?:m=|c=|a=(?:(?:rtpmap|fmtp|ptime|label|rtcp):|(?:rtcp-mux|sendrecv|sendonly|recvonly|inactive)\s*$))/;

/**
 * Only what we ask for reaches sdp-transform: some of its patterns for other attributes (imageattr)
 * need quadratic time on a hostile line. Every m= line is among them, so the indexes stay.
 */
function understoodLines({ session, media }: SdpSections): string {
  const lines = [...session, ...media.flat()].map((line) => line.text);
  return lines.filter((line) => understood.test(line)).join('\n');
}

function readMedia(
  index: number,
  line: MediaLine,
  lines: readonly SdpLine[],
  described: MediaDescription,
  sessionAddress: string | undefined,
  sessionDirection: SdpDirection | undefined,
): SdpMedia {
  const address = withoutTtl(described.connection?.ip) ?? sessionAddress ?? '';
  const rtcpMux = described.rtcpMux !== undefined;
  const label = asText(described.label).trim();
  const ptimeMs = Number(asText(described.ptime));
  return {
    index,
    kind: line.kind,
    protocol: line.protocol,
    address,
    port: line.port,
    rtcpPort: rtcpPortOf(line.port, rtcpMux, described),
    rtcpAddress: withoutTtl(described.rtcp?.address) ?? address,
    rtcpMux,
    // RFC 8866 §6.7: sendrecv unless the media or the session says otherwise.
    direction: described.direction ?? sessionDirection ?? 'sendrecv',
    codecs: isRtp(line.protocol) || isWebSocket(line.protocol) ? readCodecs(line.formats, described) : [],
    crypto: readCrypto(lines),
    ...(label === '' ? {} : { label }),
    ...(ptimeMs > 0 && ptimeMs <= 1_000 ? { ptimeMs } : {}),
    ...(lines.some(({ text }) => asksForLossSummaries.test(text)) ? { lossSummaries: true } : {}),
    ...readWebSocket(lines),
    formats: line.formats,
  };
}

function rtcpPortOf(port: number, rtcpMux: boolean, described: MediaDescription): number {
  if (port === 0) return 0;
  const said = Number(asText(described.rtcp?.port));
  if (Number.isInteger(said) && said >= 1 && said <= 65_535) return said;
  if (rtcpMux) return port;
  return port === 65_535 ? 0 : port + 1;
}

function readCodecs(formats: readonly string[], described: MediaDescription): SdpCodec[] {
  const codecs = new Map<number, SdpCodec>();
  for (const format of formats) {
    const payloadType = Number(format);
    if (!/^\d{1,3}$/.test(format) || payloadType > 127) continue;
    const fixed = staticPayloadTypes.get(payloadType);
    const mapped = described.rtp.find((rtp) => rtp.payload === payloadType);
    const name = asText(mapped?.codec) || fixed?.name;
    if (name === undefined) continue;
    const fmtp = described.fmtp.find((line) => line.payload === payloadType);
    codecs.set(payloadType, {
      payloadType,
      name,
      // A telephone codec whose rtpmap lacks the rate runs at 8000 like nearly all of them.
      clockRate: positive(mapped?.rate) ?? fixed?.clockRate ?? 8_000,
      channels: positive(mapped?.encoding) ?? (mapped === undefined ? fixed?.channels : undefined) ?? 1,
      ...(fmtp === undefined ? {} : { fmtp: asText(fmtp.config) }),
    });
  }
  return [...codecs.values()];
}

/** `stat-summary` alone means every statistic, else it names some (RFC 3611 §5.1). */
const asksForLossSummaries = /^a=rtcp-xr:(?:[^ ]{1,64} ){0,8}stat-summary(?:=(?:[a-z]{1,8},){0,4}loss)?(?:[ ,]|\s*$)/iu;

function readCrypto(lines: readonly SdpLine[]): string[] {
  const prefix = 'a=crypto:';
  const values = lines.filter((line) => line.text.startsWith(prefix)).map((line) => line.text.slice(prefix.length));
  return values.slice(0, maxCryptoPerMedia);
}

function readWebSocket(lines: readonly SdpLine[]): { webSocket?: string } {
  for (const { text } of lines) {
    const [, uri] = /^a=wss?-uri:\s*(\S{1,2048})\s*$/u.exec(text) ?? [];
    if (uri !== undefined) return { webSocket: uri };
  }
  return {};
}

/** Frames of samples over a WebSocket, which no standard has for audio: its m= lines say this, and their rtpmap the samples. */
export const webSocketProtocol = 'TCP/WS';
export const isWebSocket = (protocol: string): boolean => protocol.toUpperCase() === webSocketProtocol;

const isSdpLine = (line: SdpLine): boolean => /^[a-z]=/.test(line.text);
const isRtp = (protocol: string): boolean => protocol.toUpperCase().includes('RTP/');

/** sdp-transform turns whatever looks like a number into one, against its own types. */
const asText = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';

const positive = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;

/** `224.2.1.1/127` is address and TTL (RFC 8866 §5.7). */
function withoutTtl(value: unknown): string | undefined {
  const address = asText(value).split('/', 1)[0] ?? '';
  return address === '' ? undefined : address;
}
