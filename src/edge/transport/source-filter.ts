/** Which sources are heard at all: addresses and CIDR blocks. */
import { BlockList, isIP } from 'node:net';
import { Failure } from '../../errors/index.js';
import { parseNumber } from '../message/uri.js';
import { familyOf } from './local-address.js';

const kindOf = (address: string): 'ipv4' | 'ipv6' => (familyOf(address) === 6 ? 'ipv6' : 'ipv4');

/** Throws Failure CONFIG_INVALID for an entry that is neither an address nor a CIDR block. */
export function openSourceFilter(entries: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', bits, ...rest] = entry.split('/');
    const widest = familyOf(address) === 6 ? 128 : 32;
    const prefix = bits === undefined ? widest : parseNumber(bits, widest);
    if (isIP(address) === 0 || prefix === undefined || rest.length > 0) {
      throw new Failure('CONFIG_INVALID', `"${entry}" is neither an address nor a block such as 10.0.0.0/8; correct the list of SIP sources`);
    }
    list.addSubnet(address, prefix, kindOf(address));
  }
  return (address) => list.check(address, kindOf(address));
}
