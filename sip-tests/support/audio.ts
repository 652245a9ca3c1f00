/** Audio as packet captures, which SIPp plays, and what a recording of them must hold. */
import { readFile, writeFile } from 'node:fs/promises';
import { decodePcma, encodePcma, encodeRtp, parseRtp, parseWav } from '../../src/media/index.js';

/** pcap's file header, little-endian, Ethernet (libpcap's pcap-savefile(5)). */
const pcapMagic = 0xa1b2c3d4;
const fileHeaderBytes = 24;
const packetHeaderBytes = 16;
const ethernetBytes = 14;
const ipv4Bytes = 20;
const udpBytes = 8;

/** The A-law audio of a capture of one RTP stream: samples at the places that the timestamps say. */
export async function audioOf(pcapFile: string): Promise<Int16Array> {
  const file = await readFile(pcapFile);
  if (file.readUInt32LE(0) !== pcapMagic) throw new Error(`${pcapFile} is no little-endian pcap`);
  const packets: { timestamp: number; payload: Buffer }[] = [];
  for (let at = fileHeaderBytes; at + packetHeaderBytes <= file.length; ) {
    const captured = file.readUInt32LE(at + 8);
    const frame = file.subarray(at + packetHeaderBytes, at + packetHeaderBytes + captured);
    at += packetHeaderBytes + captured;
    const ipBytes = ((frame[ethernetBytes] ?? 0) & 0x0f) * 4;
    const rtp = parseRtp(frame.subarray(ethernetBytes + ipBytes + udpBytes));
    if (typeof rtp !== 'string' && rtp.payloadType === 8) packets.push(rtp);
  }
  const first = packets[0]?.timestamp ?? 0;
  const last = packets.at(-1);
  const samples = new Int16Array(last === undefined ? 0 : last.timestamp - first + last.payload.length);
  for (const { timestamp, payload } of packets) decodePcma(payload, samples, timestamp - first);
  return samples;
}

/** Writes a capture of one A-law stream, 20 ms a packet, whose voice is `sampleAt`. */
export async function writeCapture(pcapFile: string, packets: number, sampleAt: (frame: number) => number): Promise<void> {
  const header = Buffer.alloc(fileHeaderBytes);
  header.writeUInt32LE(pcapMagic, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const parts: Buffer[] = [header];
  for (let n = 0; n < packets; n += 1) {
    const samples = Int16Array.from({ length: 160 }, (_, at) => sampleAt(n * 160 + at));
    const rtp = encodeRtp({ marker: n === 0, payloadType: 8, sequenceNumber: n + 1, timestamp: n * 160, ssrc: 0x7711_7711, payload: encodePcma(samples) });
    parts.push(frameOf(rtp, n * 20));
  }
  await writeFile(pcapFile, Buffer.concat(parts));
}

function frameOf(rtp: Buffer, atMs: number): Buffer {
  const frame = Buffer.alloc(packetHeaderBytes + ethernetBytes + ipv4Bytes + udpBytes);
  const length = ethernetBytes + ipv4Bytes + udpBytes + rtp.length;
  frame.writeUInt32LE(Math.floor(atMs / 1_000), 0);
  frame.writeUInt32LE((atMs % 1_000) * 1_000, 4);
  frame.writeUInt32LE(length, 8);
  frame.writeUInt32LE(length, 12);
  frame.writeUInt16BE(0x0800, packetHeaderBytes + 12);
  const ip = packetHeaderBytes + ethernetBytes;
  frame.writeUInt8(0x45, ip);
  frame.writeUInt16BE(ipv4Bytes + udpBytes + rtp.length, ip + 2);
  frame.writeUInt8(64, ip + 8);
  frame.writeUInt8(17, ip + 9);
  frame.writeUInt32BE(0x7f000001, ip + 12);
  frame.writeUInt32BE(0x7f000001, ip + 16);
  const udp = ip + ipv4Bytes;
  frame.writeUInt16BE(40_000, udp);
  frame.writeUInt16BE(40_002, udp + 2);
  frame.writeUInt16BE(udpBytes + rtp.length, udp + 4);
  return Buffer.concat([frame, rtp]);
}

/** The channels of a stereo WAV file of 16 bits. */
export async function channelsOf(wavFile: string): Promise<readonly [Int16Array, Int16Array]> {
  const wav = parseWav(await readFile(wavFile));
  if (typeof wav === 'string' || wav.channels !== 2 || wav.bitsPerSample !== 16) throw new Error(`${wavFile} is no stereo WAV of 16 bits`);
  const frames = wav.data.length / 4;
  const channel = (at: number): Int16Array => Int16Array.from({ length: frames }, (_, frame) => wav.data.readInt16LE(frame * 4 + at * 2));
  return [channel(0), channel(1)];
}

/** How many samples of `sent` stand at their place in a channel, and whether all beside them is silence. */
export function compare(channel: Int16Array, from: number, sent: Int16Array): { readonly identical: number; readonly silentElsewhere: boolean } {
  let identical = 0;
  for (let n = 0; n < sent.length; n += 1) if (channel[from + n] === sent[n]) identical += 1;
  const silentElsewhere = channel.every((sample, at) => sample === 0 || (at >= from && at < from + sent.length));
  return { identical, silentElsewhere };
}

/**
 * How many samples of what was sent a channel holds in one piece about its middle, wherever it stands: of a recording
 * that began late, all but its beginning.
 */
export function heldAboutMiddle(channel: Int16Array, sent: Int16Array): number {
  const middle = Math.floor(sent.length / 2);
  const probe = sent.subarray(middle, middle + 400);
  let most = 0;
  // What is said may repeat itself: the longest piece is the one.
  for (let at = 0; at + probe.length <= channel.length; at += 1) {
    if (!probe.every((sample, n) => channel[at + n] === sample)) continue;
    let [first, last] = [0, 0];
    while (first < middle && channel[at - first - 1] === sent[middle - first - 1]) first += 1;
    while (middle + last < sent.length && channel[at + last] === sent[middle + last]) last += 1;
    most = Math.max(most, first + last);
  }
  return most;
}
