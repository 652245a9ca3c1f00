/** `twintrack start`: runs the product until it is told to stop. */
import { once } from 'node:events';
import type { Config } from '../config/index.js';
import { createLog } from '../ops/index.js';
import { openProduct, type Role } from '../roles/index.js';
import { print } from './terminal.js';
import { version } from './version.js';

/** Closing waits for calls to be hung up and captures to be closed; longer than that something hangs. */
const closeWithinMs = 15_000;

export async function start(config: Config, roles: readonly Role[]): Promise<void> {
  const log = createLog({ level: config.log.level, name: config.node, pretty: process.stderr.isTTY });
  const stop = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const product = await openProduct({ config, roles, log, version });
  print(`twintrack ${version} runs: ${roles.join(', ')}`);
  for (const { what, where } of product.addresses) print(`  ${what.padEnd(22)} ${where}`);
  await stop;
  log.info('stopping: running calls are hung up, captures are closed');
  const hung = setTimeout(() => {
    log.error(`not stopped within ${closeWithinMs} ms: what is written stays, the rest is recovered at the next start`);
    process.exit(1);
  }, closeWithinMs);
  await product.close();
  clearTimeout(hung);
  log.info('stopped');
}
