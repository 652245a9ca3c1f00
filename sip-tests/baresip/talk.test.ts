/** Telephones that people use, on both ends of the proxy: a call that is held, resumed and transferred. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { Report } from '../../src/ledger/index.js';
import { decodePcmu, encodePcmu, encodeWavHeader } from '../../src/media/index.js';
import { tune } from '../../src/testcall/index.js';
import { channelsOf } from '../support/audio.js';
import { openBaresip, type BaresipEvent } from '../support/baresip.js';
import { listed, startProduct, metric, twintrack, twintrackJson, until } from '../support/product.js';
import { openWorkspace } from '../support/workspace.js';

const rate = 8_000;
const holdMs = 1_500;
const spoken = 60 * rate;

const voiceOf = (who: 'caller' | 'callee'): Int16Array => Int16Array.from({ length: spoken }, (_, at) => tune(who)(at));

/** As it comes out of a G.711 µ-law call. */
function asHeard(voice: Int16Array): Int16Array {
  const heard = new Int16Array(voice.length);
  decodePcmu(encodePcmu(voice), heard, 0);
  return heard;
}

/** baresip rounds to µ-law otherwise than we do, by one step where it does (ITU-T G.711: 8 of 16 bits, doubling with the level). */
const oneStep = (level: number): number => 8 + Math.abs(level) / 8;

const isIn = (voice: Int16Array, at: number, piece: Int16Array): boolean =>
  piece.every((sample, n) => {
    const said = voice[at + n] ?? Infinity;
    return Math.abs(sample - said) <= oneStep(sample);
  });

/** Where a piece of a voice is in it; where it is not, nowhere that could fit. */
function placeOf(piece: Int16Array, voice: Int16Array): number {
  for (let at = 0; at < 10 * rate; at += 1) if (isIn(voice, at, piece)) return at;
  return voice.length;
}

const wavOf = (voice: Int16Array): Buffer =>
  Buffer.concat([encodeWavHeader({ channels: 1, sampleRate: rate, bitsPerSample: 16, format: 'pcm', frames: voice.length }), Buffer.from(voice.buffer)]);

t.test('a call between two telephones is held, resumed and transferred; both calls are recorded with every voice in its place', { timeout: 240_000 }, async (t) => {
  const workspace = await openWorkspace();
  t.teardown(() => workspace.remove());
  const wavs = { caller: join(workspace.dir, 'caller.wav'), callee: join(workspace.dir, 'callee.wav') };
  for (const who of ['caller', 'callee'] as const) await writeFile(wavs[who], wavOf(voiceOf(who)));
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const alice = await openBaresip({ dir: workspace.dir, port: workspace.sipPort + 1, mediaPort: 45_000, users: ['alice'], wavFile: wavs.caller });
  t.teardown(() => alice.close());
  const desk = await openBaresip({ dir: workspace.dir, port: workspace.nextHopPort, mediaPort: 45_200, users: ['bob', 'carol'], wavFile: wavs.callee });
  t.teardown(() => desk.close());

  const at = (user: string): string => `sip:${user}@127.0.0.1:${workspace.sipPort}`;
  const isOf = (user: string) => ({ accountaor = '' }: BaresipEvent): boolean => accountaor.startsWith(`sip:${user}@`);
  const heardPackets = (): Promise<number> => metric(workspace, 'twintrack_recorder_packets_received_total');
  const moreAudio = async (what: string): Promise<void> => {
    const before = await heardPackets();
    await until(async () => (await heardPackets()) > before + 100, what);
  };
  const offersTo = (): number => desk.events.filter((event) => event.type === 'CALL_REMOTE_SDP' && event.param === 'offer').length;

  await alice.command('dial', at('bob'));
  await alice.event('bob answers', ({ type, peeruri = '' }) => type === 'CALL_ESTABLISHED' && peeruri.includes('bob'));
  await moreAudio('both talk');
  await alice.command('hold');
  await until(() => Promise.resolve(offersTo() === 2), 'bob is put on hold');
  await delay(holdMs);
  await alice.command('resume');
  await until(() => Promise.resolve(offersTo() === 3), 'bob is taken back');
  await moreAudio('both talk again');
  await desk.command('transfer', at('carol'));
  await alice.event('alice is asked to call carol', ({ type, param = '' }) => type === 'TRANSFER' && param.includes('carol'));
  await desk.event('carol answers', (event) => event.type === 'CALL_ESTABLISHED' && isOf('carol')(event));
  await desk.event('bob is told that it went well', (event) => event.type === 'CALL_CLOSED' && isOf('bob')(event) && /transfer/iu.test(event.param ?? ''));
  await moreAudio('alice and carol talk');
  await alice.command('hangup');
  await desk.event('carol hears the end', (event) => event.type === 'CALL_CLOSED' && isOf('carol')(event));

  await until(async () => (await listed(workspace, 'complete')).length === 2, 'two recordings', 60_000);
  const entries = await listed(workspace);
  t.strictSame(entries.map(({ callee }) => /bob|carol/u.exec(callee)?.[0]).sort(), ['bob', 'carol']);
  for (const { sessionId, callee } of entries) {
    const report = await twintrackJson<Report>(workspace, 'show', sessionId);
    const file = join(workspace.dir, `${sessionId}.wav`);
    t.equal((await twintrack(workspace, 'export', sessionId, '--out', file)).status, 0);
    const channels = await channelsOf(file);
    for (const [index, who] of (['caller', 'callee'] as const).entries()) {
      const channel = report.channels[index];
      const from = Math.round((channel?.offsetMs ?? 0) * 8);
      const end = channel?.gaps[0] === undefined ? from + Math.round((channel?.durationMs ?? 0) * 8) : Math.round(channel.gaps[0].atMs * 8);
      const heard = channels[index]?.subarray(from, end) ?? new Int16Array();
      const said = asHeard(voiceOf(who));
      // A telephone's microphone is open before the call is.
      const began = placeOf(heard.subarray(0, rate / 2), said);
      t.ok(heard.length > rate / 2, `${callee}: the ${who} speaks for more than half a second`);
      t.ok(isIn(said, began, heard), `${callee}: every sample of the ${who} is as it was said, to one step of the codec`);
      t.strictSame([channel?.packetsLost, channel?.gaps.filter(({ cause }) => cause !== 'hold' && cause !== 'dtx')], [0, []], `${callee}: of the ${who} nothing is missing but what was not said while on hold`);
    }
  }
  t.equal(await product.stop(), 0);
});
