/** A real rtpengine carries the calls of a running product, in clear and encrypted, and copies them to the recorder. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { startDaemon } from '../../src/anchor/rtpengine/daemon.fixture.js';
import type { Report } from '../../src/ledger/index.js';
import { decodePcmu, encodePcmu, parseWav } from '../../src/media/index.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { tune } from '../../src/testcall/index.js';
import { heldAboutMiddle } from '../support/audio.js';
import { startProduct, twintrack, twintrackJson, until } from '../support/product.js';
import { openWorkspace } from '../support/workspace.js';

const samples = 3 * 8_000;
/** rtpengine keeps nothing of the time until the recorder has answered; the first INVITE of a fresh process takes longest. */
const missedAtFirst = 8_000;

const sentBy = (side: 'caller' | 'callee'): Int16Array => {
  const heard = new Int16Array(samples);
  decodePcmu(encodePcmu(Int16Array.from({ length: samples }, (_, frame) => tune(side)(frame))), heard, 0);
  return heard;
};

t.test('what a call sends through rtpengine is heard whole, and recorded from when the recorder has answered', { timeout: 120_000 }, async (t) => {
  const workspace = await openWorkspace({ policy: { rules: [{ name: 'in-clear', when: { callee: ['7100'] }, record: 'always', decrypt: true }] } });
  t.teardown(() => workspace.remove());
  const daemon = await startDaemon(t, await freePort(), [36_000, 36_999]);
  const file = await readFile(workspace.configFile, 'utf8');
  await writeFile(workspace.configFile, file.replace(/^anchor:.*$/mu, `anchor: {rtpengine: {nodes: [{host: 127.0.0.1, port: ${daemon.port}}]}}`));
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  for (const [args, copies] of [[[], 'in clear'], [['--srtp'], 'encrypted'], [['--srtp', '--to', `sip:7100@127.0.0.1:${workspace.nextHopPort}`], 'in clear']] as const) {
    const { stdout } = await twintrack(workspace, 'call', '--seconds', '3', '--json', ...args);
    const call = JSON.parse(stdout) as { readonly sessionId: string; readonly caller: { readonly heardPackets: number }; readonly callee: { readonly heardPackets: number } };
    t.strictSame([call.caller.heardPackets, call.callee.heardPackets], [150, 150]);
    await until(async () => (await twintrack(workspace, 'show', call.sessionId)).status === 0, 'it is recorded');
    const report = await twintrackJson<Report>(workspace, 'show', call.sessionId);
    t.ok(report.channels.every(({ encrypted, packetsLost, authFailures }) => encrypted === (copies === 'encrypted') && packetsLost === 0 && authFailures === 0));
    const out = join(workspace.dir, 'out.wav');
    t.equal((await twintrack(workspace, 'export', call.sessionId, '--out', out)).status, 0);
    const wav = parseWav(await readFile(out));
    if (typeof wav === 'string') throw new Error(wav);
    for (const [channel, side] of (['caller', 'callee'] as const).entries()) {
      const kept = Int16Array.from({ length: wav.data.length / 4 }, (_, frame) => wav.data.readInt16LE(frame * 4 + channel * 2));
      const held = heldAboutMiddle(kept, sentBy(side));
      t.ok(held >= samples - missedAtFirst, `${held} of ${samples} samples of the ${side}, in one piece`);
    }
  }
  t.notMatch(product.log(), /inline:/u);
  t.equal(await product.stop(), 0);
});
