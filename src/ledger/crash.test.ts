import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { newCapture, newRecording } from './entries.fixture.js';
import { openLedger } from './open-ledger.js';

const folder = await mkdtemp(join(tmpdir(), 'twintrack-crash-'));
const dir = join(folder, 'ledger');

/** Enters calls, several at a time, and prints each ID when it was acknowledged. */
const child = `
  import { openLedger } from ${JSON.stringify(new URL('./open-ledger.js', import.meta.url).href)};
  import { newCall } from ${JSON.stringify(new URL('./entries.fixture.js', import.meta.url).href)};
  import { writeSync } from 'node:fs';
  const ledger = await openLedger({ dir: ${JSON.stringify(dir)} });
  const enter = async () => {
    for (;;) {
      const call = newCall({ node: 'the-node-that-dies' });
      await ledger.callBegan(call);
      writeSync(1, call.sessionId + '\\n');
      await ledger.captureOpened({ captureId: call.callId, sessionId: call.sessionId, recorder: 'the-recorder-that-dies', path: '/x', openedAtMs: 1 });
      writeSync(1, call.callId + '\\n');
    }
  };
  await Promise.all([enter(), enter(), enter()]);
`;

await t.test('what was acknowledged survives kill -9, and the next process takes over at once', { timeout: 100_000 }, async (t) => {
  const writer = spawn(process.execPath, ['--input-type=module', '-e', child], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: string[] = [];
  const lines = createInterface({ input: writer.stdout });
  lines.on('line', (line) => {
    if (line.length === 36) acknowledged.push(line);
    if (acknowledged.length === 300) writer.kill('SIGKILL');
  });
  await once(lines, 'close');
  t.match(await readFile(`${dir}.lock`, 'utf8'), new RegExp(`^${writer.pid}\n`), 'it died with the lock in hand');

  const ledger = await openLedger({ dir });
  const captures = await ledger.capturesLeftOpen('the-recorder-that-dies');
  const calls = await ledger.recordings({ limit: 100_000 });
  const there = new Set([...captures.map((each) => each.captureId), ...calls.map((each) => each.sessionId)]);
  t.ok(acknowledged.length >= 300);
  t.same(acknowledged.filter((id) => !there.has(id)), [], 'nothing acknowledged is lost');
  t.equal(await ledger.interruptCalls('the-node-that-dies', 2), calls.length);
  const sessionId = calls[0]!.sessionId;
  await ledger.captureOpened(newCapture(sessionId));
  await ledger.putRecording(newRecording(sessionId));
  t.match(await ledger.find(sessionId), { state: 'complete', callState: 'ended' }, 'and it goes on working');
  await ledger.close();
});

await rm(folder, { recursive: true });
