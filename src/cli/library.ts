/**
 * The recordings, for a command: through the running product when there is one, else from the disk.
 */
import { localLibrary, remoteLibrary, type Library } from '../api/index.js';
import type { Config } from '../config/index.js';
import { openSite, readToken, sitePaths } from '../roles/index.js';

const answerWithinMs = 1_500;

/** The caller closes it. @throws Failure LEDGER_LOCKED when a product that does not answer has the ledger. */
export async function openLibrary(config: Config): Promise<Library> {
  const { host, port } = config.http;
  const baseUrl = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const token = await readToken(sitePaths(config));
  if (token !== undefined && (await answers(baseUrl))) return remoteLibrary({ baseUrl, token });
  const site = await openSite(config);
  const library = localLibrary(site.ledger, site.store, site.keys.public);
  return {
    ...library,
    async close() {
      await library.close();
      await site.close();
    },
  };
}

async function answers(baseUrl: string): Promise<boolean> {
  try {
    // A product that is unwell answers too, with 503.
    await (await fetch(`${baseUrl}/health`, { signal: AbortSignal.timeout(answerWithinMs) })).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
