/**
 * RTP packets (RFC 3550 §5.1; header extension §5.3.1) and how they are told from RTCP (RFC 5761 §4).
 *
 * Every recorded byte enters here, so parsing is total: any input yields a value.
 * It never throws, logs or reads the clock.
 *
 * Owns       byte layout and bounds.
 * Leaves to  srtp/ authenticity; stitch/ order and loss; codecs/ meaning.
 * Lifetime   `payload` and `extension.data` alias the datagram: copy before the socket reuses it.
 */
import assert from 'node:assert/strict';

export interface RtpExtension {
  /** the 16 bits "defined by profile", such as 0xBEDE (RFC 8285) */
  profile: number;
  /** what follows the length: whole 32-bit words, possibly none */
  data: Buffer;
}

export interface RtpPacket {
  version: 2;
  marker: boolean;
  /** 0..127 */
  payloadType: number;
  sequenceNumber: number;
  timestamp: number;
  ssrc: number;
  /** contributing sources, 15 at most */
  csrcs: readonly number[];
  extension: RtpExtension | undefined;
  /** without padding; possibly empty */
  payload: Buffer;
  /** how many octets were padding, their count included; 0 without padding */
  paddingBytes: number;
}

/** Why a datagram is not RTP; metric label, so the list is closed. */
export type RtpReject =
  | 'too-short'
  | 'not-version-2'
  | 'csrc-past-end'
  | 'extension-header-past-end'
  | 'extension-past-end'
  | 'padding-zero'
  | 'padding-past-end';

/** What `encodeRtp` needs; a parsed packet will do. */
export type RtpFields = Pick<RtpPacket, 'payloadType' | 'sequenceNumber' | 'timestamp' | 'ssrc' | 'payload'> &
  Partial<Pick<RtpPacket, 'marker' | 'csrcs' | 'extension' | 'paddingBytes'>>;

const fixedHeaderBytes = 12;
const none: readonly number[] = Object.freeze([]);

/**
 * How long the header is: fixed part, CSRCs and extension, in octets. Its sequence number lies at 2,
 * its timestamp at 4, its SSRC at 8.
 */
export function rtpHeaderBytes(datagram: Buffer): number | RtpReject {
  return headerBytesAt(datagram, 0, datagram.length);
}

/** The same of a packet that lies in `bytes` from one offset to another. */
function headerBytesAt(bytes: Buffer, from: number, to: number): number | RtpReject {
  if (to - from < fixedHeaderBytes) return 'too-short';
  const first = bytes[from] ?? 0;
  if (first >> 6 !== 2) return 'not-version-2';
  const end = from + fixedHeaderBytes + (first & 0x0f) * 4;
  if (end > to) return 'csrc-past-end';
  if ((first & 0x10) === 0) return end - from;
  if (end + 4 > to) return 'extension-header-past-end';
  const extensionEnd = end + 4 + bytes.readUInt16BE(end + 2) * 4;
  return extensionEnd > to ? 'extension-past-end' : extensionEnd - from;
}

/** Parses an RTP packet in clear. */
export function parseRtp(datagram: Buffer): RtpPacket | RtpReject {
  const headerBytes = rtpHeaderBytes(datagram);
  if (typeof headerBytes === 'string') return headerBytes;
  const paddingBytes = paddingBytesAt(datagram, 0, headerBytes, datagram.length);
  return typeof paddingBytes === 'string' ? paddingBytes : packetOf(datagram, headerBytes, paddingBytes);
}

function paddingBytesAt(bytes: Buffer, from: number, headerBytes: number, to: number): number | RtpReject {
  if (((bytes[from] ?? 0) & 0x20) === 0) return 0;
  // RFC 3550 §5.1: the last octet counts the padding, itself included.
  const paddingBytes = to - from > headerBytes ? (bytes[to - 1] ?? 0) : 1;
  if (paddingBytes === 0) return 'padding-zero';
  return headerBytes + paddingBytes > to - from ? 'padding-past-end' : paddingBytes;
}

/**
 * What of an RTP packet tells its sound, with the payload where it lies in other bytes: for whoever reads hours of
 * packets, each of which would else have a Buffer of its own. One view may look at many, one after the other.
 */
export class RtpView {
  payloadType = 0;
  sequenceNumber = 0;
  timestamp = 0;
  ssrc = 0;
  /** Of many packets. */
  bytes: Buffer = nowhere;
  payloadFrom = 0;
  payloadTo = 0;

  /** As parseRtp, in a view of its own. */
  static parse(bytes: Buffer): RtpView | RtpReject {
    const view = new RtpView();
    return view.look(bytes, 0, bytes.length) ?? view;
  }

  /** Looks at the packet that lies in `bytes` from one offset to another; or says, as parseRtp, why there is none. */
  look(bytes: Buffer, from: number, to: number): RtpReject | undefined {
    const headerBytes = headerBytesAt(bytes, from, to);
    if (typeof headerBytes === 'string') return headerBytes;
    const paddingBytes = paddingBytesAt(bytes, from, headerBytes, to);
    if (typeof paddingBytes === 'string') return paddingBytes;
    this.payloadType = (bytes[from + 1] ?? 0) & 0x7f;
    this.sequenceNumber = ((bytes[from + 2] ?? 0) << 8) | (bytes[from + 3] ?? 0);
    this.timestamp = uint32At(bytes, from + 4);
    this.ssrc = uint32At(bytes, from + 8);
    this.bytes = bytes;
    this.payloadFrom = from + headerBytes;
    this.payloadTo = to - paddingBytes;
    return undefined;
  }

  get payloadBytes(): number {
    return this.payloadTo - this.payloadFrom;
  }

  /** Without padding; aliases the packet. */
  get payload(): Buffer {
    return this.bytes.subarray(this.payloadFrom, this.payloadTo);
  }
}

const nowhere = Buffer.alloc(0);

/** Within bounds that are checked already. */
const uint32At = (bytes: Buffer, at: number): number => (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;

/**
 * Parses what an SRTP packet shows without a key (RFC 3711 §3.1). `payload` is all that follows the
 * header, ciphertext, MKI and tag; padding is inside the ciphertext, so `paddingBytes` is 0.
 */
export function parseProtectedRtp(datagram: Buffer): RtpPacket | RtpReject {
  const headerBytes = rtpHeaderBytes(datagram);
  return typeof headerBytes === 'string' ? headerBytes : packetOf(datagram, headerBytes, 0);
}

function packetOf(datagram: Buffer, headerBytes: number, paddingBytes: number): RtpPacket {
  const first = datagram.readUInt8(0);
  const second = datagram.readUInt8(1);
  return {
    version: 2,
    marker: second >= 0x80,
    payloadType: second & 0x7f,
    sequenceNumber: datagram.readUInt16BE(2),
    timestamp: datagram.readUInt32BE(4),
    ssrc: datagram.readUInt32BE(8),
    csrcs: (first & 0x0f) === 0 ? none : csrcsOf(datagram, first & 0x0f),
    extension: (first & 0x10) === 0 ? undefined : extensionOf(datagram, first & 0x0f, headerBytes),
    payload: datagram.subarray(headerBytes, datagram.length - paddingBytes),
    paddingBytes,
  };
}

const csrcsOf = (datagram: Buffer, count: number): number[] =>
  Array.from({ length: count }, (_, n) => datagram.readUInt32BE(fixedHeaderBytes + n * 4));

function extensionOf(datagram: Buffer, csrcCount: number, headerBytes: number): RtpExtension {
  const at = fixedHeaderBytes + csrcCount * 4;
  return { profile: datagram.readUInt16BE(at), data: datagram.subarray(at + 4, headerBytes) };
}

/**
 * The octets of an RTP packet, in a new buffer. A field out of its range, more than 15 CSRCs, or an
 * extension that is not whole 32-bit words is a bug of the caller: it asserts.
 */
export function encodeRtp(fields: RtpFields): Buffer {
  const { extension, payload, csrcs = none, marker = false, paddingBytes = 0 } = fields;
  assert(fields.payloadType >= 0 && fields.payloadType <= 0x7f, 'a payload type has seven bits');
  assert(csrcs.length <= 15, 'an RTP packet has 15 CSRCs at most');
  assert(paddingBytes >= 0 && paddingBytes <= 255, 'padding is 255 octets at most');
  assert(extension === undefined || extension.data.length % 4 === 0, 'an extension is whole 32-bit words');
  const csrcsEnd = fixedHeaderBytes + csrcs.length * 4;
  const headerBytes = csrcsEnd + (extension === undefined ? 0 : 4 + extension.data.length);
  const packet = Buffer.alloc(headerBytes + payload.length + paddingBytes);

  packet.writeUInt8(0x80 | (paddingBytes > 0 ? 0x20 : 0) | (extension === undefined ? 0 : 0x10) | csrcs.length, 0);
  packet.writeUInt8((marker ? 0x80 : 0) | fields.payloadType, 1);
  packet.writeUInt16BE(fields.sequenceNumber, 2);
  packet.writeUInt32BE(fields.timestamp, 4);
  packet.writeUInt32BE(fields.ssrc, 8);
  csrcs.forEach((csrc, n) => packet.writeUInt32BE(csrc, fixedHeaderBytes + n * 4));
  if (extension !== undefined) {
    packet.writeUInt16BE(extension.profile, csrcsEnd);
    packet.writeUInt16BE(extension.data.length / 4, csrcsEnd + 2);
    packet.set(extension.data, csrcsEnd + 4);
  }
  packet.set(payload, headerBytes);
  if (paddingBytes > 0) packet.writeUInt8(paddingBytes, packet.length - 1);
  return packet;
}

/**
 * Whether a datagram on a port that carries both is RTCP (RFC 5761 §4): packet types 192 to 223, which
 * is why RTP there may not use payload types 64 to 95. Holds for SRTCP too. What is neither RTP nor RTCP
 * (STUN, DTLS) is not version 2 and gives false.
 */
export function isRtcp(datagram: Buffer): boolean {
  if (datagram.length < 2 || datagram.readUInt8(0) >> 6 !== 2) return false;
  const packetType = datagram.readUInt8(1);
  return packetType >= 192 && packetType <= 223;
}
