/**
 * Addresses and ports as numbers, so that looking up who a packet is for allocates nothing.
 *
 * An IPv4 address is its 32 bits; an IPv6 address gets the next number above them when it is first seen. An endpoint is
 * its address times 65,536 and the port: below 2^53.
 */
import { hostPort } from '../sip/index.js';

export type AddressId = number;
export type Endpoint = number;

const firstIpv6 = 2 ** 32;
/** More than a site has; beyond them an attacker costs packets, not memory. */
const mostIpv6 = 262_144;

export const endpointOf = (address: AddressId, port: number): Endpoint => address * 65_536 + port;
export const portOf = (endpoint: Endpoint): number => endpoint % 65_536;
export const addressOf = (endpoint: Endpoint): AddressId => Math.floor(endpoint / 65_536);

export class Addresses {
  readonly #ids = new Map<string, AddressId>();
  readonly #texts: string[] = [];

  /** Of the 16 bytes at `at`; undefined when too many have been seen. */
  ipv6(bytes: Buffer, at: number): AddressId | undefined {
    return this.#idOf(bytes.toString('latin1', at, at + 16));
  }

  /** Undefined for a host name, and when too many IPv6 addresses have been seen. */
  read(text: string): AddressId | undefined {
    const parts = ipv4Parts(text);
    if (parts !== undefined) return parts.reduce((sum, part) => sum * 256 + part, 0);
    const bytes = ipv6Bytes(text);
    return bytes === undefined ? undefined : this.#idOf(bytes.toString('latin1'));
  }

  text(address: AddressId): string {
    if (address >= firstIpv6) return this.#texts[address - firstIpv6] ?? '';
    return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
  }

  /** As people write it: `192.0.2.1:5060`, `[2001:db8::1]:5060`. */
  endpointText(endpoint: Endpoint): string {
    return hostPort(this.text(addressOf(endpoint)), portOf(endpoint));
  }

  #idOf(key: string): AddressId | undefined {
    const known = this.#ids.get(key);
    if (known !== undefined || this.#texts.length >= mostIpv6) return known;
    const id = firstIpv6 + this.#texts.length;
    this.#ids.set(key, id);
    this.#texts.push(ipv6Text(key));
    return id;
  }
}

function ipv4Parts(text: string): readonly number[] | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/u.exec(text)?.slice(1).map(Number);
  return parts?.every((part) => part <= 255) === true ? parts : undefined;
}

/** RFC 4291 §2.2; a zone is left out. */
function ipv6Bytes(text: string): Buffer | undefined {
  let plain = text.split('%', 1)[0] ?? '';
  const dotted = plain.slice(plain.lastIndexOf(':') + 1);
  const [a = 0, b = 0, c = 0, d = 0] = ipv4Parts(dotted) ?? [];
  if (dotted.includes('.')) plain = `${plain.slice(0, -dotted.length)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  const halves = plain.split('::');
  const [before = [], after = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - before.length - after.length;
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0)) return undefined;
  const words = [...before, ...Array<string>(missing).fill('0'), ...after];
  return words.every((word) => /^[0-9a-f]{1,4}$/iu.test(word)) ? Buffer.from(words.map((word) => word.padStart(4, '0')).join(''), 'hex') : undefined;
}

/** RFC 5952: the longest run of zeros is left out, of two the first. */
function ipv6Text(key: string): string {
  const bytes = Buffer.from(key, 'latin1');
  const words = Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(n * 2).toString(16));
  let [from, length] = [0, 0];
  for (let at = 0; at < 8; at += 1) {
    let run = 0;
    while (words[at + run] === '0') run += 1;
    if (run > length) [from, length] = [at, run];
  }
  return length < 2 ? words.join(':') : `${words.slice(0, from).join(':')}::${words.slice(from + length).join(':')}`;
}
