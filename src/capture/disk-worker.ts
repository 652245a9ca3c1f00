/** The thread that writes captures: see disk-thread.ts. */
import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { Batch, Written } from './disk-thread.js';

assert(parentPort !== null);
const port = parentPort;

function writeAll(fd: number, bytes: Uint8Array, from: number, length: number): void {
  // One write(2) as a rule; a disk about to be full may take fewer bytes.
  for (let done = 0; done < length; ) done += writeSync(fd, bytes, from + done, length - done);
}

port.on('message', ({ ticket, descriptors, lengths, bytes }: Batch) => {
  const failed: Written['failed'][number][] = [];
  let from = 0;
  for (const [n, fd] of descriptors.entries()) {
    const length = lengths[n] ?? 0;
    try {
      writeAll(fd, bytes, from, length);
    } catch (thrown) {
      const { message, code, errno, syscall } = thrown as NodeJS.ErrnoException;
      failed.push({ n, message, code, errno, syscall });
    }
    from += length;
  }
  port.postMessage({ ticket, failed } satisfies Written);
});
