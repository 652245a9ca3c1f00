/**
 * Offer and answer of a recording session (RFC 7866 §7.1.1, §7.2, §8; RFC 3264 §5, §6). A client whose media comes
 * over a WebSocket offers to connect (RFC 4145 §4), and the answer says where to (RFC 8124).
 *
 * Owns       the order of lines and what the RFCs bind: labels, directions, one answer per offered line.
 * Leaves to  proxy and recorder the choice of codecs, keys and ports. The text holds keys: never log it.
 */
import assert from 'node:assert/strict';

import { familyAndAddress } from './sdp-lines.js';
import { isWebSocket, type Sdp, type SdpCodec, type SdpMedia } from './sdp.js';

export interface RecordingOfferMedia {
  /** 0 ends the media. */
  port: number;
  /** RFC 4574; the stream of the metadata with the same label describes this line. */
  label: string;
  protocol: string;
  codecs: readonly SdpCodec[];
  /** What follows `a=crypto:`. */
  crypto: readonly string[];
  /** RFC 7866 §7.1.1: a recording session only ever flows from client to server. */
  direction: 'sendonly' | 'inactive';
  ptimeMs?: number;
  /** The server is asked to tell in RTCP from which packet on it counts what is lost (RFC 3611 §5.1). */
  lossSummaries?: boolean;
}

/** The origin (RFC 8866 §5.2) stays through a session; its version grows by one with each SDP. */
export interface RecordingOrigin {
  address: string;
  sessionVersion: number;
  /** The numeric session id of o=. */
  origin: string;
}

export interface RecordingOffer extends RecordingOrigin {
  media: readonly RecordingOfferMedia[];
}

export interface RecordingAnswerMedia {
  port: number;
  /** At least one, out of those offered, with the offer's payload types. */
  codecs: readonly SdpCodec[];
  /** The chosen one, with the tag of the offer's (RFC 4568 §5.1.2). */
  crypto?: string;
  /** Has effect only where it was offered (RFC 5761 §5.1.1). */
  rtcpMux: boolean;
  direction: 'recvonly' | 'inactive';
  /** Where the client connects to, of media that is offered over a WebSocket. */
  webSocket?: string;
}

export interface RecordingAnswer extends RecordingOrigin {
  /** As many as offered; undefined refuses that one. */
  media: readonly (RecordingAnswerMedia | undefined)[];
}

/** The SDP a recording client sends, RTCP multiplexed where there is any. */
export function encodeRecordingOffer(offer: RecordingOffer): string {
  const lines = sessionLines(offer);
  for (const media of offer.media) {
    lines.push(
      ...codecLines('audio', media.port, media.protocol, media.codecs),
      ...media.crypto.map((value) => `a=crypto:${value}`),
      ...(media.ptimeMs === undefined ? [] : [`a=ptime:${media.ptimeMs}`]),
      ...(isWebSocket(media.protocol) ? ['a=setup:active', 'a=connection:new'] : ['a=rtcp-mux']),
      ...(media.lossSummaries === true ? ['a=rtcp-xr:stat-summary=loss'] : []),
      `a=${media.direction}`,
      `a=label:${media.label}`,
    );
  }
  return joinLines(lines);
}

/**
 * A recording server of ours says so that its receiver reports tell each second what it has written: a client need not
 * have heard one to miss them. Others pass over it (RFC 8866 §5.13).
 */
const reportsLine = 'a=x-reports-written';

/** Whether the media of an answer, counted from 0, says that. */
export const reportsWritten = (answer: string, index: number): boolean => answer.split(/^(?=m=)/mu)[index + 1]?.split(/\r?\n/u).includes(reportsLine) === true;

/**
 * The SDP a recording server answers with: the offer's m-lines in their order (RFC 3264 §6).
 *
 * An offer that sends nothing is answered `inactive`, whatever was asked for (RFC 3264 §6.1).
 */
export function encodeRecordingAnswer(offer: Sdp, answer: RecordingAnswer): string {
  assert.equal(answer.media.length, offer.media.length, 'RFC 3264 §6: as many media as offered');
  const lines = sessionLines(answer);
  for (const [index, offered] of offer.media.entries()) {
    const media = answer.media[index];
    // RFC 3264 §6: what was offered with port 0 is answered with port 0.
    if (media === undefined || offered.port === 0) {
      lines.push(`m=${offered.kind} 0 ${offered.protocol} ${formatsOf(offered)}`);
      continue;
    }
    const sends = offered.direction === 'sendonly' || offered.direction === 'sendrecv';
    lines.push(
      ...codecLines(offered.kind, media.port, offered.protocol, media.codecs),
      ...(media.crypto === undefined ? [] : [`a=crypto:${media.crypto}`]),
      ...(media.rtcpMux && offered.rtcpMux ? ['a=rtcp-mux'] : []),
      // Of SRTP without a key of ours nothing is reported: nobody could tell it from a forgery.
      ...(media.webSocket !== undefined || (offered.protocol.includes('SAVP') && media.crypto === undefined) ? [] : [reportsLine]),
      ...(media.webSocket === undefined ? [] : ['a=setup:passive', 'a=connection:new', `a=${media.webSocket.startsWith('wss:') ? 'wss' : 'ws'}-uri:${media.webSocket}`]),
      `a=${sends ? media.direction : 'inactive'}`,
    );
  }
  return joinLines(lines);
}

/** What a recording server offers where a client asked it to: INVITEs without SDP (RFC 3261 §13.2.1), as a phone's built-in bridge sends them. */
export function encodeServerOffer(offer: RecordingOrigin & { media: readonly { port: number; codecs: readonly SdpCodec[] }[] }): string {
  const lines = sessionLines(offer);
  for (const { port, codecs } of offer.media) lines.push(...codecLines('audio', port, 'RTP/AVP', codecs), 'a=recvonly');
  return joinLines(lines);
}

function sessionLines(of: RecordingOrigin): string[] {
  const at = familyAndAddress(of.address);
  return ['v=0', `o=- ${of.origin} ${of.sessionVersion} ${at}`, 's=-', `c=${at}`, 't=0 0'];
}

function codecLines(kind: string, port: number, protocol: string, codecs: readonly SdpCodec[]): string[] {
  assert(codecs.length > 0, 'RFC 8866 §5.14: a media line names at least one format');
  const lines = [`m=${kind} ${port} ${protocol} ${codecs.map((codec) => codec.payloadType).join(' ')}`];
  for (const { payloadType, name, clockRate, channels, fmtp } of codecs) {
    lines.push(`a=rtpmap:${payloadType} ${name}/${clockRate}${channels > 1 ? `/${channels}` : ''}`);
    if (fmtp !== undefined) lines.push(`a=fmtp:${payloadType} ${fmtp}`);
  }
  return lines;
}

/** A refused line still lists a format, though nobody reads it (RFC 3264 §6). */
function formatsOf(offered: SdpMedia): string {
  const formats = offered.formats ?? offered.codecs.map((codec) => String(codec.payloadType));
  return formats.length === 0 ? '0' : formats.join(' ');
}

function joinLines(lines: readonly string[]): string {
  assert(lines.every((line) => !/[\r\n]/.test(line)), 'no value brings a line of its own into an SDP');
  return lines.join('\r\n') + '\r\n';
}
