/**
 * STUN binding requests on the SIP port, as keep-alives of RFC 5626 §3.5.2 over UDP are: answered with the
 * address they came from (RFC 5389 §7.3.1, §15.2). Total: any datagram yields an answer or none.
 *
 * Nothing is authenticated (RFC 5626 §8), and an answer is at most 12 bytes longer than what asked for it, or
 * 24 over IPv6, so it is of no use to whoever forges sources.
 */
import { isIPv6 } from 'node:net';

const HEADER_BYTES = 20;
const COOKIE = 0x2112_a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const BINDING_ERROR = 0x0111;
const ERROR_CODE = 0x0009;
const UNKNOWN_ATTRIBUTES = 0x000a;
const XOR_MAPPED_ADDRESS = 0x0020;
/** USERNAME, MESSAGE-INTEGRITY, REALM and NONCE are understood, and of no account here. */
const understood = new Set([0x0006, 0x0008, 0x0014, 0x0015]);
const MAX_UNKNOWN = 4;

/** Whether a datagram is STUN rather than SIP, whose messages begin with a letter (RFC 5626 §8). */
export const isStun = (datagram: Buffer): boolean => datagram.length >= HEADER_BYTES && datagram.readUInt8(0) < 2 && datagram.readUInt32BE(4) === COOKIE;

function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes IPv6 without IPv4 inside, and with `::` once at most.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const bytes = Buffer.alloc(16);
  left.forEach((group, i) => bytes.writeUInt16BE(group, i * 2));
  right.forEach((group, i) => bytes.writeUInt16BE(group, 16 - (right.length - i) * 2));
  return bytes;
}

function attribute(type: number, value: Buffer): Buffer {
  const whole = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  whole.writeUInt16BE(type, 0);
  whole.writeUInt16BE(value.length, 2);
  value.copy(whole, 4);
  return whole;
}

function message(type: number, request: Buffer, attributes: readonly Buffer[]): Buffer {
  const head = Buffer.from(request.subarray(0, HEADER_BYTES));
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(attributes.reduce((sum, each) => sum + each.length, 0), 2);
  return Buffer.concat([head, ...attributes]);
}

/** The mandatory attributes (below 0x8000) that are not understood; undefined when the attributes don't add up. */
function unknownAttributes(request: Buffer): number[] | undefined {
  const unknown: number[] = [];
  let at = HEADER_BYTES;
  while (at < request.length) {
    if (at + 4 > request.length) return undefined;
    const type = request.readUInt16BE(at);
    at += 4 + Math.ceil(request.readUInt16BE(at + 2) / 4) * 4;
    if (type < 0x8000 && !understood.has(type) && unknown.length < MAX_UNKNOWN) unknown.push(type);
  }
  return at === request.length ? unknown : undefined;
}

/** The answer to a binding request from that place; undefined for all that is none. */
export function answerBinding(request: Buffer, address: string, port: number): Buffer | undefined {
  if (!isStun(request) || request.readUInt16BE(0) !== BINDING_REQUEST || request.readUInt16BE(2) !== request.length - HEADER_BYTES) return undefined;
  const unknown = unknownAttributes(request);
  if (unknown === undefined) return undefined;
  if (unknown.length > 0) {
    const types = Buffer.alloc(unknown.length * 2);
    unknown.forEach((type, i) => types.writeUInt16BE(type, i * 2));
    return message(BINDING_ERROR, request, [attribute(ERROR_CODE, Buffer.from([0, 0, 4, 20])), attribute(UNKNOWN_ATTRIBUTES, types)]);
  }
  const mapped = addressBytes(address);
  // §15.2: the port is mixed with the cookie, the address with cookie and transaction id.
  for (let i = 0; i < mapped.length; i += 1) mapped.writeUInt8(mapped.readUInt8(i) ^ request.readUInt8(4 + i), i);
  const value = Buffer.alloc(4);
  value.writeUInt8(mapped.length === 16 ? 2 : 1, 1);
  value.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
  return message(BINDING_SUCCESS, request, [attribute(XOR_MAPPED_ADDRESS, Buffer.concat([value, mapped]))]);
}
