/** For tests only: what goes over a network, put into files of packets as tcpdump and others write them. */
import { isIPv4 } from 'node:net';

export interface WireFrame {
  readonly atMs: number;
  readonly bytes: Buffer;
  /** More than it has bytes when it was cut as it was captured. */
  readonly wireBytes?: number;
}

export type Link = 'ethernet' | 'vlan' | 'qinq' | 'cooked' | 'cooked2' | 'raw' | 'loopback';

export const linkTypes: Readonly<Record<Link, number>> = { ethernet: 1, vlan: 1, qinq: 1, cooked: 113, cooked2: 276, raw: 101, loopback: 0 };

const u16 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, at) => bytes.writeUInt16BE(value & 0xffff, at * 2));
  return bytes;
};
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

/** `10.0.0.1:4000` or `[2001:db8::1]:4000`. */
export function place(text: string): { readonly host: string; readonly port: number } {
  const [, v6, v4, port] = /^(?:\[(.*)\]|(.*?)):(\d+)$/u.exec(text) ?? [];
  return { host: v6 ?? v4 ?? '', port: Number(port) };
}

function addressBytes(host: string): Buffer {
  if (isIPv4(host)) return Buffer.from(host.split('.').map(Number));
  const [head = '', tail] = host.split('::');
  const words = (part: string | undefined): string[] => (part === undefined || part === '' ? [] : part.split(':'));
  const missing = 8 - words(head).length - words(tail).length;
  return Buffer.concat([...words(head), ...Array<string>(missing).fill('0'), ...words(tail)].map((word) => u16(Number.parseInt(word, 16))));
}

let identification = 1;

export interface IpOptions {
  /** Payloads longer than this are fragmented; a multiple of 8. */
  readonly fragmentBytes?: number;
  /** Of IPv6: put before the transport header, each of 8 bytes. */
  readonly extensions?: readonly number[];
  readonly link?: Link;
}

/** One IP payload as frames. */
export function frames(source: string, target: string, protocol: number, payload: Buffer, { fragmentBytes = 65_536, extensions = [], link = 'ethernet' }: IpOptions = {}): Buffer[] {
  const [from, to] = [addressBytes(source), addressBytes(target)];
  const id = (identification = (identification + 1) & 0xffff);
  const isV4 = from.length === 4;
  const pieces: Buffer[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += fragmentBytes) {
    const piece = payload.subarray(at, at + fragmentBytes);
    const more = at + fragmentBytes < payload.length;
    const isFragment = more || at > 0;
    if (isV4) {
      const head = Buffer.concat([Buffer.from([0x45, 0]), u16(20 + piece.length, id, (more ? 0x2000 : 0) | (at / 8)), Buffer.from([64, protocol]), u16(0), from, to]);
      pieces.push(Buffer.concat([head, piece]));
    } else {
      const chain = [...extensions, ...(isFragment ? [44] : [])];
      const next = (n: number): number => chain[n] ?? protocol;
      const headers = chain.map((kind, n) => (kind === 44 ? Buffer.concat([Buffer.from([next(n + 1), 0]), u16(at | (more ? 1 : 0)), u32(id)]) : Buffer.from([next(n + 1), 0, 1, 4, 0, 0, 0, 0])));
      const body = Buffer.concat([...headers, piece]);
      pieces.push(Buffer.concat([u32(0x6000_0000), u16(body.length), Buffer.from([next(0), 64]), from, to, body]));
    }
  }
  return pieces.map((ip) => linked(link, ip, isV4 ? 0x0800 : 0x86dd));
}

function linked(link: Link, ip: Buffer, etherType: number): Buffer {
  const addresses = Buffer.from('020000000001020000000002', 'hex');
  switch (link) {
    case 'ethernet':
      // Short frames are padded: IP says where it ends.
      return Buffer.concat([addresses, u16(etherType), ip, Buffer.alloc(Math.max(0, 46 - ip.length))]);
    case 'vlan':
      return Buffer.concat([addresses, u16(0x8100, 5, etherType), ip]);
    case 'qinq':
      return Buffer.concat([addresses, u16(0x88a8, 7, 0x8100, 5, etherType), ip]);
    case 'cooked':
      return Buffer.concat([u16(0, 1, 6, 0, 0, 0, 0, etherType), ip]);
    case 'cooked2':
      return Buffer.concat([u16(etherType, 0, 0, 2, 1, 0x0006, 0, 0, 0, 0), ip]);
    case 'loopback':
      return Buffer.concat([Buffer.from([2, 0, 0, 0]), ip]);
    case 'raw':
      return ip;
  }
}

export const udp = (from: string, to: string, payload: Buffer, options?: IpOptions): Buffer[] => {
  const [source, target] = [place(from), place(to)];
  return frames(source.host, target.host, 17, Buffer.concat([u16(source.port, target.port, 8 + payload.length, 0), payload]), options);
};

export const tcpFlags = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

export const tcp = (from: string, to: string, sequence: number, flags: number, payload = Buffer.alloc(0), options?: IpOptions): Buffer[] => {
  const [source, target] = [place(from), place(to)];
  const head = Buffer.concat([u16(source.port, target.port), u32(sequence), u32(0), Buffer.from([0x50, flags]), u16(65_535, 0, 0)]);
  return frames(source.host, target.host, 6, Buffer.concat([head, payload]), options);
};

export interface PcapOptions {
  readonly linkType?: number;
  readonly little?: boolean;
  readonly nano?: boolean;
}

export function pcapFile(all: readonly WireFrame[], { linkType = 1, little = true, nano = false }: PcapOptions = {}): Buffer {
  const word = wordWriter(little);
  const head = [word(nano ? 0xa1b23c4d : 0xa1b2c3d4), Buffer.from(little ? [2, 0, 4, 0] : [0, 2, 0, 4]), word(0), word(0), word(262_144), word(linkType)];
  const records = all.flatMap(({ atMs, bytes, wireBytes = bytes.length }) => {
    const seconds = Math.floor(atMs / 1_000);
    const units = Math.round((atMs - seconds * 1_000) * (nano ? 1e6 : 1e3));
    return [word(seconds), word(units), word(bytes.length), word(wireBytes), bytes];
  });
  return Buffer.concat([...head, ...records]);
}

const wordWriter = (little: boolean) => (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  if (little) bytes.writeUInt32LE(value >>> 0);
  else bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

export interface PcapngOptions {
  readonly little?: boolean;
  /** if_tsresol: a power of ten, or with the upper bit one of two. Of each interface. */
  readonly resolutions?: readonly number[];
  readonly linkType?: number;
  /** Put before the packets. */
  readonly otherBlocks?: readonly Buffer[];
}

/** A block of pcapng. */
export function block(type: number, body: Buffer, little = true): Buffer {
  const word = wordWriter(little);
  const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
  return Buffer.concat([word(type), word(padded.length + 12), padded, word(padded.length + 12)]);
}

/** One section; frames go round the interfaces. */
export function pcapngFile(all: readonly WireFrame[], { little = true, resolutions = [6], linkType = 1, otherBlocks = [] }: PcapngOptions = {}): Buffer {
  const word = wordWriter(little);
  const half = (value: number): Buffer => (little ? word(value).subarray(0, 2) : word(value).subarray(2));
  const section = block(0x0a0d0d0a, Buffer.concat([word(0x1a2b3c4d), half(1), half(0), word(0xffffffff), word(0xffffffff)]), little);
  const interfaces = resolutions.map((resolution) => {
    const options = Buffer.concat([half(2), half(3), Buffer.from('eth\0'), half(9), half(1), Buffer.from([resolution, 0, 0, 0]), half(0), half(0)]);
    return block(1, Buffer.concat([half(linkType), half(0), word(262_144), options]), little);
  });
  const packets = all.map(({ atMs, bytes, wireBytes = bytes.length }, at) => {
    const index = at % resolutions.length;
    const resolution = resolutions[index] ?? 6;
    const perSecond = resolution >= 0x80 ? 2 ** (resolution & 0x7f) : 10 ** resolution;
    const units = BigInt(Math.round((atMs * perSecond) / 1_000));
    return block(6, Buffer.concat([word(index), word(Number(units >> 32n)), word(Number(units & 0xffffffffn)), word(bytes.length), word(wireBytes), bytes]), little);
  });
  return Buffer.concat([section, ...interfaces, ...otherBlocks, ...packets]);
}
