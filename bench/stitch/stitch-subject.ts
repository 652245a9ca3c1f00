/**
 * What the bench measures of ours, each in a process of its own: CPU seconds and the most memory, as one line of JSON.
 *
 *   stitch DIR FORMAT   from the capture in DIR to the sealed recording
 *   unseal DIR          the capture read as often as stitching does, and nothing made of it
 *   seal DIR BYTES      so many octets put into the vault
 *   encode FILE FORMAT  from a WAV file to FILE.out
 */
import { createReadStream, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { readCaptureChunks } from '../../src/capture/index.js';
import type { AudioFormat } from '../../src/media/index.js';
import { reencoded, stitch } from '../../src/stitch/index.js';
import { loadOrCreateKeys, openObjectStore } from '../../src/vault/index.js';

const [what = '', where = '', how = ''] = process.argv.slice(2);
const readings = 2;

function* zeros(bytes: number): Generator<Buffer> {
  const piece = Buffer.alloc(65_536);
  for (let left = bytes; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length));
}

async function measured(): Promise<Record<string, number>> {
  if (what === 'encode') {
    const out = await open(`${where}.out`, 'w');
    let bytes = 0;
    for await (const piece of reencoded({ name: where, bytes: createReadStream(where, { highWaterMark: 65_536 }), report: undefined }, how as AudioFormat)) {
      bytes += piece.length;
      await out.write(piece);
    }
    await out.close();
    return { bytes };
  }
  const keys = await loadOrCreateKeys(join(where, 'keys'));
  const path = join(where, 'c1');
  if (what === 'unseal') {
    let records = 0;
    for (let n = 0; n < readings; n += 1) for await (const chunk of readCaptureChunks(path, keys)) while (chunk.next()) records += 1;
    return { records };
  }
  const store = await openObjectStore(join(where, 'vault'), keys);
  if (what === 'seal') return { bytes: (await store.put('sealed', zeros(Number(how)))).sealedBytes };
  const { sealedBytes, report } = await stitch('bench', [{ captureId: 'c1', path }], keys, store, [], { format: how as AudioFormat, program: undefined });
  if (report.state !== 'complete') throw new Error(report.reason);
  return { bytes: sealedBytes };
}

/** The peak of this process alone: what getrusage says may be its parent's, from before the program was started (Linux). */
function mostMemoryMb(): number {
  const peak = process.platform === 'linux' ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] : undefined;
  return (Number(peak ?? process.resourceUsage().maxRSS) * 1_024) / 1e6;
}

const before = process.cpuUsage();
const outcome = await measured();
const { user, system } = process.cpuUsage(before);
process.stdout.write(`${JSON.stringify({ ...outcome, cpuSeconds: (user + system) / 1e6, memoryMb: mostMemoryMb() })}\n`);
