/** `twintrack start`: runs the product until it is told to stop. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/index.js';
import { messageOf } from '../errors/index.js';
import { createLog, type Log } from '../ops/index.js';
import { openProduct, type Product, type Role } from '../roles/index.js';
import { print } from './terminal.js';
import { version } from './version.js';

/** How often people are told how many calls are waited for. */
const tellEveryMs = 10_000;
/** Closing waits for calls to be hung up and captures to be closed; longer than that something hangs. */
const closeWithinMs = 15_000;

/** @param read reads the configuration once more */
export async function start(config: Config, roles: readonly Role[], read: () => Promise<Config>): Promise<void> {
  const log = createLog({ level: config.log.level, name: config.node, pretty: process.stderr.isTTY });
  const stop = stopSignal();
  const product = await openProduct({ config, roles, log, version });
  print(`twintrack ${version} runs: ${roles.join(', ')}`);
  for (const { what, where } of product.addresses) print(`  ${what.padEnd(22)} ${where}`);
  // One after the other, however fast they come.
  let reloaded = Promise.resolve();
  const hup = (): void => void (reloaded = reloaded.then(() => reload(product, read, log)));
  process.on('SIGHUP', hup);
  await stop;
  process.off('SIGHUP', hup);
  await drain(product, config.drain.seconds, log);
  log.info('stopping: running calls are hung up, captures are closed');
  const hung = setTimeout(() => {
    log.error(`not stopped within ${closeWithinMs} ms: what is written stays, the rest is recovered at the next start`);
    process.exit(1);
  }, closeWithinMs);
  await product.close();
  clearTimeout(hung);
  log.info('stopped');
}

/** The running calls keep what they began with. What is wrong with the file is said, and nothing is changed. */
async function reload(product: Product, read: () => Promise<Config>, log: Log): Promise<void> {
  try {
    const kept = await product.reload(await read());
    if (kept.length > 0) log.warn({ keys: kept }, 'the configuration is taken, but for keys that need a restart');
    else log.info('the configuration is taken');
  } catch (error) {
    log.error({ reason: messageOf(error) }, 'the configuration is not taken, the one of before stays');
  }
}

const stopSignal = (signal?: AbortSignal): Promise<unknown> =>
  Promise.race([once(process, 'SIGINT', { signal }), once(process, 'SIGTERM', { signal })]);

/** No new calls, and the old ones may end by themselves: for so long, or until told to stop once more. */
async function drain(product: Product, seconds: number, log: Log): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  const drained = product.drain();
  const waiting = (): void => log.info({ calls: product.calls }, `no new calls are taken; running ones may take up to ${seconds} s from the first signal, a second one ends them at once`);
  if (product.calls > 0) waiting();
  const telling = setInterval(waiting, tellEveryMs);
  await Promise.race([drained, delay(seconds * 1_000, undefined, { signal }), stopSignal(signal)]).finally(() => {
    clearInterval(telling);
    over.abort();
  });
}
