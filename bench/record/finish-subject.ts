/** `finish-subject.js DIR plain|srtp SECONDS auto|off`: what it costs to stitch and seal a call, a packet, in a process of its own. Prints JSON. */
import { join } from 'node:path';
import { openCaptureWriter } from '../../src/capture/index.js';
import { encodeCryptoLine, encodeRtp, SrtpSender, useOpenSsl } from '../../src/media/index.js';
import { stitch } from '../../src/stitch/index.js';
import { loadOrCreateKeys, openObjectStore, sealSecret, useNativeStreams } from '../../src/vault/index.js';

const [dir = '', how = 'plain', seconds = '600', accelerator = 'auto'] = process.argv.slice(2);
useOpenSsl(accelerator === 'auto');
useNativeStreams(accelerator === 'auto');
const keys = await loadOrCreateKeys(join(dir, 'keys'));
const startMs = Date.UTC(2026, 0, 1);
const [packetMs, samples] = [20, 160];
const packets = (Number(seconds) * 1_000) / packetMs;
const crypto = { tag: 1, suite: 'AES_CM_128_HMAC_SHA1_80' as const, keySalt: Buffer.alloc(30, 7), sessionParameters: [] };
const encrypted = how === 'srtp';

async function writeCapture(path: string, captureId: string): Promise<void> {
  let nowMs = startMs;
  const writer = await openCaptureWriter(path, keys.public, { captureId, sessionId: captureId, recorder: 'bench', metadata: {} }, { flushMs: 1e6, now: () => nowMs });
  const sealed = encrypted ? [(await sealSecret(Buffer.from(encodeCryptoLine(crypto)), keys.public)).toString('base64')] : [];
  const roles = ['caller', 'callee'] as const;
  writer.event({
    type: 'streams',
    streams: roles.map((role, index) => ({ index, label: String(index + 1), role, party: `sip:${role}@example.com`, codecs: [{ payloadType: 0, name: 'PCMU', clockRate: 8_000, channels: 1 }], direction: 'active', sealedKeys: sealed, encrypted })),
  });
  const senders = roles.map(() => new SrtpSender(crypto));
  for (let n = 0; n < packets; n += 1) {
    for (const [side, sender] of senders.entries()) {
      nowMs = startMs + n * packetMs + side * 3;
      const packet = encodeRtp({ payloadType: 0, sequenceNumber: n & 0xffff, timestamp: (n * samples) >>> 0, ssrc: side + 1, payload: Buffer.alloc(samples, (n * 7 + side) & 0xff) });
      writer.packet(side, nowMs, false, encrypted ? sender.protectRtp(packet) : packet);
    }
    if (n % 500 === 0) await writer.flush();
  }
  await writer.close('bye');
}

const store = await openObjectStore(join(dir, 'vault'), keys);
// The first warms up what is measured in the second.
const calls = ['first', 'second'] as const;
for (const call of calls) await writeCapture(join(dir, call), call);
await stitch('first', [{ captureId: 'first', path: join(dir, 'first') }], keys, store);
const before = process.cpuUsage();
const { report } = await stitch('second', [{ captureId: 'second', path: join(dir, 'second') }], keys, store);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ cpuUs: (user + system) / (packets * 2), state: report.state }));
