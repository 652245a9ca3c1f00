/** Ours, ours without koffi, or werift-rtp from a folder that is named, in a process of its own: CPU microseconds to unprotect a packet. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { encodeRtp, keySaltBytes, SrtpReceiver, SrtpSender, useOpenSsl, type SrtpSuite } from '../../src/media/index.js';

/** As much of werift-rtp as is used here. */
interface Werift {
  readonly SrtpSession: new (options: { profile: number; keys: Readonly<Record<'localMasterKey' | 'localMasterSalt' | 'remoteMasterKey' | 'remoteMasterSalt', Buffer>> }) => { decrypt(packet: Buffer): Buffer };
}

const weriftProfiles: Partial<Record<SrtpSuite, number>> = { AES_CM_128_HMAC_SHA1_80: 0x0001, AEAD_AES_128_GCM: 0x0007 };

const [suite = '', packetsText = '', roundsText = '', which] = process.argv.slice(2);
const weriftDir = which === 'without-koffi' ? undefined : which;
useOpenSsl(which !== 'without-koffi');
const [packets, rounds] = [Number(packetsText), Number(roundsText)];
const line = { suite: suite as SrtpSuite, keySalt: Buffer.alloc(keySaltBytes(suite as SrtpSuite), 5), sessionParameters: [] };

function openerOf(): (packet: Buffer) => unknown {
  if (weriftDir === undefined) {
    const receiver = new SrtpReceiver(line);
    return (packet) => receiver.unprotectRtp(packet);
  }
  const { SrtpSession } = createRequire(join(weriftDir, 'x.js'))('werift-rtp') as Werift;
  const profile = weriftProfiles[line.suite];
  if (profile === undefined) throw new Error(`werift-rtp has no ${suite}`);
  const [key, salt] = [line.keySalt.subarray(0, 16), line.keySalt.subarray(16)];
  const session = new SrtpSession({ profile, keys: { localMasterKey: key, localMasterSalt: salt, remoteMasterKey: key, remoteMasterSalt: salt } });
  return (packet) => session.decrypt(packet);
}

const sender = new SrtpSender(line);
const sealed = Array.from({ length: packets }, (_, n) =>
  sender.protectRtp(encodeRtp({ payloadType: 0, sequenceNumber: n & 0xffff, timestamp: (n * 160) >>> 0, ssrc: 7, payload: Buffer.alloc(160, n) })),
);
for (let round = 0; round < rounds; round += 1) {
  const open = openerOf();
  const before = process.cpuUsage();
  for (const packet of sealed) if (typeof open(packet) === 'string') throw new Error('a packet was not opened');
  const { user, system } = process.cpuUsage(before);
  console.log(((user + system) / packets).toFixed(4));
}
