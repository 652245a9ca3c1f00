/**
 * Where the IP packet begins in a frame: pure and total. The numbers of link types are those of tcpdump.org's list.
 */
const ethernet = 1;
const loops = new Set([0, 108]);
const rawIps = new Set([12, 14, 101, 228, 229]);
const linuxCooked = 113;
const linuxCooked2 = 276;

const ipv4 = 0x0800;
const ipv6 = 0x86dd;
/** 802.1Q, 802.1ad (QinQ), and what was in use before that. */
const tags = new Set([0x8100, 0x88a8, 0x9100, 0x9200]);
const pppoe = 0x8864;
const pppIpv4 = 0x0021;
const pppIpv6 = 0x0057;

/** No IP in this frame; no such link type is known. */
export const notIp = -1;
export const unknownLink = -2;

/** The offset of the IP header, `notIp` or `unknownLink`. */
export function ipStart(linkType: number, bytes: Buffer, start: number, end: number): number {
  if (linkType === ethernet) return afterEtherType(bytes, start + 12, end);
  if (linkType === linuxCooked) return afterEtherType(bytes, start + 14, end);
  if (linkType === linuxCooked2) return start + 20 <= end ? ofEtherType(bytes, bytes.readUInt16BE(start), start + 20, end) : notIp;
  if (rawIps.has(linkType)) return start < end ? start : notIp;
  // A family in the byte order of whoever captured: the IP version tells as much.
  if (loops.has(linkType)) return start + 4 < end ? start + 4 : notIp;
  return unknownLink;
}

/** @param at of the EtherType */
const afterEtherType = (bytes: Buffer, at: number, end: number): number => (at + 2 <= end ? ofEtherType(bytes, bytes.readUInt16BE(at), at + 2, end) : notIp);

/** @param at what follows the EtherType */
function ofEtherType(bytes: Buffer, type: number, at: number, end: number): number {
  let [etherType, from] = [type, at];
  while (tags.has(etherType)) {
    if (from + 4 > end) return notIp;
    etherType = bytes.readUInt16BE(from + 2);
    from += 4;
  }
  if (etherType === ipv4 || etherType === ipv6) return from < end ? from : notIp;
  if (etherType !== pppoe || from + 8 >= end) return notIp;
  const protocol = bytes.readUInt16BE(from + 6);
  return protocol === pppIpv4 || protocol === pppIpv6 ? from + 8 : notIp;
}
