/**
 * The end-to-end session identifier (RFC 7989).
 *
 * One value has two halves: the UUID of the side that sends the message and the UUID of its peer.
 * Seen from the other side the halves are swapped, so whoever compares two calls compares the
 * unordered pair.
 *
 * Owns       the header's syntax and the shape of a new UUID.
 * Leaves to  the proxy and the recorder what the ID means for a call, and the source of randomness.
 */
import assert from 'node:assert/strict';

export interface SessionIdHeader {
  /** UUID of the sender of the message: 32 lower-case hexadecimal digits. */
  local: string;
  /** UUID of its peer, or the nil UUID while that is unknown (RFC 7989 §5). */
  remote: string;
}

/** The nil UUID: 32 zeros (RFC 7989 §5). */
export const nilSessionUuid = '0'.repeat(32);

const maxHeaderChars = 1_024;
const uuidPattern = /^[0-9a-f]{32}$/;

/**
 * Reads the value of a Session-ID header.
 *
 * Upper-case digits are lowered, parameters other than `remote` are ignored. Without `remote` (the
 * form of RFC 7329, before the peer was part of it) the peer is nil.
 *
 * @returns the two halves, or `malformed` when either is not 32 hexadecimal digits.
 */
export function parseSessionId(value: string): SessionIdHeader | 'malformed' {
  if (value.length > maxHeaderChars) return 'malformed';
  const [first = '', ...parameters] = value.split(';');
  const local = first.trim().toLowerCase();
  if (!uuidPattern.test(local)) return 'malformed';
  for (const parameter of parameters) {
    const equals = parameter.indexOf('=');
    if (equals < 0 || parameter.slice(0, equals).trim().toLowerCase() !== 'remote') continue;
    const remote = parameter.slice(equals + 1).trim().toLowerCase();
    return uuidPattern.test(remote) ? { local, remote } : 'malformed';
  }
  return { local, remote: nilSessionUuid };
}

/** The value of a Session-ID header; both halves must be 32 lower-case hexadecimal digits. */
export function encodeSessionId(header: SessionIdHeader): string {
  assert(uuidPattern.test(header.local) && uuidPattern.test(header.remote), 'a session UUID is 32 hex digits');
  return `${header.local};remote=${header.remote}`;
}

/**
 * A new UUID of version 4, without hyphens (RFC 7989 §4.1, RFC 4122 §4.4).
 *
 * @param random gives that many unpredictable bytes; called once, for 16.
 */
export function newSessionUuid(random: (bytes: number) => Buffer): string {
  return randomUuid(random).toString('hex');
}

/** The 16 bytes of a version 4 UUID (RFC 4122 §4.4). */
export function randomUuid(random: (bytes: number) => Buffer): Buffer {
  const uuid = Buffer.from(random(16));
  assert(uuid.length === 16, 'the random source gives as many bytes as asked');
  uuid.writeUInt8((uuid.readUInt8(6) & 0x0f) | 0x40, 6);
  uuid.writeUInt8((uuid.readUInt8(8) & 0x3f) | 0x80, 8);
  return uuid;
}
