/**
 * From frames to what UDP and TCP carry: IPv4 and IPv6, fragments put together.
 *
 * Total: what contradicts itself is counted and left out. A packet that was cut as it was captured is not used.
 *
 * Leaves to  link-layer.ts where IP begins; fragments.ts the putting together; tcp-streams.ts the order of segments.
 */
import { endpointOf, type AddressId, type Addresses, type Endpoint } from './endpoints.js';
import { Fragments } from './fragments.js';
import type { Frame } from './frame.js';
import { ipStart, notIp, unknownLink } from './link-layer.js';
import type { Losses } from './losses.js';

/** Bytes are valid until what was returned resolves: whoever keeps them copies. */
export interface PacketSink {
  udp(atMs: number, source: Endpoint, target: Endpoint, bytes: Buffer, start: number, end: number): Promise<void> | undefined;
  tcp(atMs: number, segment: TcpSegment): Promise<void> | undefined;
}

export interface TcpSegment {
  readonly source: Endpoint;
  readonly target: Endpoint;
  readonly sequence: number;
  readonly syn: boolean;
  /** FIN or RST. */
  readonly ends: boolean;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

const tcp = 6;
const udp = 17;
const fragmentHeader = 44;
const authenticationHeader = 51;
/** Hop-by-hop options, routing, destination options, mobility, HIP, shim6 (RFC 8200 §4, RFC 7045). */
const plainExtensions = new Set([0, 43, 60, 135, 139, 140]);

export class Dissector {
  readonly #fragments: Fragments;

  constructor(
    private readonly addresses: Addresses,
    private readonly losses: Losses,
    private readonly sink: PacketSink,
  ) {
    this.#fragments = new Fragments(losses);
  }

  frame({ bytes, start, end, linkType, wireBytes, atMs }: Frame): Promise<void> | undefined {
    const at = ipStart(linkType, bytes, start, end);
    if (at === notIp) return undefined;
    if (at === unknownLink) { this.#lose('link-unknown'); return; }
    const cut = wireBytes > end - start;
    const version = bytes.readUInt8(at) >> 4;
    if (version === 4) return this.#ipv4(atMs, bytes, at, end, cut);
    return version === 6 ? this.#ipv6(atMs, bytes, at, end, cut) : undefined;
  }

  finish(): void {
    this.#fragments.finish();
  }

  #ipv4(atMs: number, bytes: Buffer, at: number, end: number, cut: boolean): Promise<void> | undefined {
    if (end - at < 20) { this.#lose(cut ? 'frames-cut' : 'ip-malformed'); return; }
    const from = at + (bytes.readUInt8(at) & 0x0f) * 4;
    // Segments that the card was to cut have no length yet: all of the frame is theirs.
    const total = bytes.readUInt16BE(at + 2) || end - at;
    const to = at + total;
    if (from < at + 20 || to < from) { this.#lose('ip-malformed'); return; }
    const protocol = bytes.readUInt8(at + 9);
    if (protocol !== udp && protocol !== tcp) return undefined;
    if (to > end) { this.#lose(cut ? 'frames-cut' : 'ip-malformed'); return; }
    const source = bytes.readUInt32BE(at + 12);
    const target = bytes.readUInt32BE(at + 16);
    const fragment = bytes.readUInt16BE(at + 6);
    if ((fragment & 0x3fff) === 0) return this.#transport(atMs, protocol, source, target, bytes, from, to);
    const key = `${source} ${target} ${protocol} ${bytes.readUInt16BE(at + 4)}`;
    const whole = this.#fragments.take(key, (fragment & 0x1fff) * 8, (fragment & 0x2000) === 0, bytes.subarray(from, to), atMs);
    return whole === undefined ? undefined : this.#transport(atMs, protocol, source, target, whole, 0, whole.length);
  }

  #ipv6(atMs: number, bytes: Buffer, at: number, end: number, cut: boolean): Promise<void> | undefined {
    if (end - at < 40) { this.#lose(cut ? 'frames-cut' : 'ip-malformed'); return; }
    const to = at + 40 + (bytes.readUInt16BE(at + 4) || end - at - 40);
    let protocol = bytes.readUInt8(at + 6);
    let from = at + 40;
    let fragment: { readonly id: number; readonly from: number; readonly isLast: boolean } | undefined;
    while (plainExtensions.has(protocol) || protocol === fragmentHeader || protocol === authenticationHeader) {
      if (from + 8 > Math.min(to, end)) { this.#lose(cut ? 'frames-cut' : 'ip-malformed'); return; }
      const next = bytes.readUInt8(from);
      if (protocol === fragmentHeader) {
        const word = bytes.readUInt16BE(from + 2);
        // One that is all there is needs no putting together (RFC 6946).
        if ((word & 0xfff9) !== 0) fragment = { id: bytes.readUInt32BE(from + 4), from: word & 0xfff8, isLast: (word & 1) === 0 };
        from += 8;
      } else {
        from += protocol === authenticationHeader ? (bytes.readUInt8(from + 1) + 2) * 4 : (bytes.readUInt8(from + 1) + 1) * 8;
      }
      protocol = next;
      if (fragment !== undefined) break;
    }
    if (fragment === undefined && protocol !== udp && protocol !== tcp) return undefined;
    if (from > to) { this.#lose('ip-malformed'); return; }
    if (to > end) { this.#lose(cut ? 'frames-cut' : 'ip-malformed'); return; }
    const source = this.addresses.ipv6(bytes, at + 8);
    const target = this.addresses.ipv6(bytes, at + 24);
    if (source === undefined || target === undefined) { this.#lose('addresses-full'); return; }
    if (fragment === undefined) return this.#transport(atMs, protocol, source, target, bytes, from, to);
    // RFC 8200 §4.5: the first fragment has the header that comes next; UDP and TCP stand there in what we look for.
    const whole = this.#fragments.take(`${source} ${target} ${protocol} ${fragment.id}`, fragment.from, fragment.isLast, bytes.subarray(from, to), atMs);
    return whole === undefined || (protocol !== udp && protocol !== tcp) ? undefined : this.#transport(atMs, protocol, source, target, whole, 0, whole.length);
  }

  #transport(atMs: number, protocol: number, source: AddressId, target: AddressId, bytes: Buffer, start: number, end: number): Promise<void> | undefined {
    if (end - start < (protocol === udp ? 8 : 20)) { this.#lose('ip-malformed'); return; }
    const from = endpointOf(source, bytes.readUInt16BE(start));
    const to = endpointOf(target, bytes.readUInt16BE(start + 2));
    if (protocol === udp) {
      // 0 is a jumbogram's (RFC 2675 §4), or one that the card was to fill in.
      const length = bytes.readUInt16BE(start + 4) || end - start;
      if (length < 8 || start + length > end) { this.#lose('ip-malformed'); return; }
      return this.sink.udp(atMs, from, to, bytes, start + 8, start + length);
    }
    const data = start + (bytes.readUInt8(start + 12) >> 4) * 4;
    if (data < start + 20 || data > end) { this.#lose('ip-malformed'); return; }
    const flags = bytes.readUInt8(start + 13);
    return this.sink.tcp(atMs, { source: from, target: to, sequence: bytes.readUInt32BE(start + 4), syn: (flags & 2) !== 0, ends: (flags & 5) !== 0, bytes, start: data, end });
  }

  #lose(loss: Parameters<Losses['count']>[0]): undefined {
    this.losses.count(loss);
    return undefined;
  }
}
