/** A running product and what its recordings hold, for the flows of makers. */
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Report } from '../../src/ledger/index.js';
import { tune, voiceRate, type Voice } from '../../src/testcall/index.js';
import { startProduct, type RunningProduct } from '../support/product.js';
import { listedOnce, recordingOf } from '../support/recordings.js';
import { openWorkspace, type Workspace, type WorkspaceOptions } from '../support/workspace.js';
import { find, soundBeside, Speaker, type Spoken } from './voices.js';

/** Of 20 ms: a second of each voice. */
export const packets = 50;

export interface Bed {
  readonly workspace: Workspace;
  readonly product: RunningProduct;
}

/** A product for all tests of a file. */
export async function openBed(options: WorkspaceOptions = {}): Promise<Bed> {
  const workspace = await openWorkspace(options);
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  return { workspace, product };
}

export async function openSpeaker(t: Test, payloadType: 0 | 8, crypto?: string): Promise<Speaker> {
  const speaker = await Speaker.open(payloadType, crypto);
  t.teardown(() => speaker.close());
  return speaker;
}

/** Two that speak at once, each with a voice of its own. */
export async function openPair(t: Test, payloadType: 0 | 8, keys: readonly [string, string] | readonly [] = []): Promise<readonly [Speaker, Speaker]> {
  return [await openSpeaker(t, payloadType, keys[0]), await openSpeaker(t, payloadType, keys[1])];
}

/** Two whose ports are neighbours, as a machine allots them for one call. */
export async function openNeighbours(t: Test, payloadType: 0 | 8): Promise<readonly [Speaker, Speaker]> {
  const one = await openSpeaker(t, payloadType);
  const other = await Speaker.open(payloadType, undefined, one.port + 2).catch(() => undefined);
  if (other === undefined) return openNeighbours(t, payloadType);
  t.teardown(() => other.close());
  return [one, other];
}

export const portsOf = ([one, other]: readonly [Speaker, Speaker]): readonly [number, number] => [one.port, other.port];

/** The nth second of a tune: no two are the same. */
export const second = (of: 'caller' | 'callee', nth: number): Voice => {
  const voice = tune(of);
  return (frame) => voice(nth * voiceRate + frame);
};

/** Another voice in the place of one that left begins a little later, as people do: each is placed by its own clock. */
export const afterAPause = (): Promise<void> => delay(300);

/** Both say the nth second of their tunes to the ports of an answer. */
export const talk = (speakers: readonly [Speaker, Speaker], media: readonly { readonly port: number }[], nth = 0): Promise<[Spoken, Spoken]> =>
  Promise.all([speakers[0].say(media[0]?.port ?? 0, packets, second('caller', nth)), speakers[1].say(media[1]?.port ?? 0, packets, second('callee', nth))]);

/** The recording of a session holds on each side what was said there, whole and nothing else, under the right names. */
export async function isRecorded(t: Test, { workspace }: Bed, sessionId: string, sides: readonly [left: Side, right: Side]): Promise<Report> {
  await listedOnce(workspace, sessionId, 'complete');
  const { report, channels } = await recordingOf(workspace, sessionId);
  for (const [n, side] of sides.entries()) {
    const [name, channel, told] = [n === 0 ? 'left' : 'right', channels[n] ?? new Int16Array(), report.channels[n]];
    t.equal(told?.party, side.party, `${name}: whose voice it is`);
    if (side.label !== undefined) t.equal(told?.label, side.label, `${name}: the label of its line`);
    const found = side.spoken.map((one) => find(channel, one));
    t.strictSame(found.map(({ identical }) => identical), side.spoken.map(({ samples }) => samples.length), `${name}: every sample as it was said`);
    t.strictSame(found.map(({ at }) => at), found.map(({ at }) => at).sort((a, b) => a - b), `${name}: in its order`);
    t.equal(soundBeside(channel, side.spoken), 0, `${name}: nothing else`);
  }
  return report;
}

export interface Side {
  readonly party: string;
  readonly label?: string;
  readonly spoken: readonly Spoken[];
}
