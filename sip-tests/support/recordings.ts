/** What a running product says of its recordings, over HTTP. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Found, Listed, Report } from '../../src/ledger/index.js';
import { channelsOf } from './audio.js';
import { askApi, listed, until } from './product.js';
import type { Workspace } from './workspace.js';

export const listedOnce = (workspace: Workspace, sessionId: string, state: Listed['state']): Promise<void> =>
  until(async () => (await listed(workspace, state)).some((one) => one.sessionId === sessionId), `${sessionId} to be ${state}`);

export async function reportOf(workspace: Workspace, sessionId: string): Promise<Report | undefined> {
  return ((await (await askApi(workspace, `/v1/recordings/${sessionId}`)).json()) as Found).report;
}

export async function recordingOf(workspace: Workspace, sessionId: string): Promise<{ report: Report; channels: readonly [Int16Array, Int16Array] }> {
  const file = join(workspace.dir, `${sessionId}.wav`);
  await writeFile(file, Buffer.from(await (await askApi(workspace, `/v1/recordings/${sessionId}/audio`)).arrayBuffer()));
  const report = await reportOf(workspace, sessionId);
  if (report === undefined) throw new Error(`no report of ${sessionId}`);
  return { report, channels: await channelsOf(file) };
}
