/** A network of two addresses, one of them in a namespace of its own (Linux, root), whose link can be cut. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface Network {
  readonly here: string;
  readonly there: string;
  readonly subnet: string;
  /** The command that runs another one there. */
  readonly within: readonly string[];
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

const run = promisify(execFile);
const ip = (...args: readonly string[]): Promise<unknown> => run('ip', args);

/** @throws Error of ip(8), where there is none or it may not. */
export async function openNetwork(): Promise<Network> {
  const id = process.pid % 250;
  const [name, outer, inner] = [`twintrack-${process.pid}`, `tt${process.pid}o`, `tt${process.pid}i`];
  const [here, there] = [`10.77.${id}.1`, `10.77.${id}.2`];
  await ip('netns', 'add', name);
  try {
    await ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', name);
    await ip('address', 'add', `${here}/24`, 'dev', outer);
    await ip('link', 'set', outer, 'up');
    for (const args of [['address', 'add', `${there}/24`, 'dev', inner], ['link', 'set', inner, 'up'], ['link', 'set', 'lo', 'up']]) await ip('-n', name, ...args);
  } catch (error) {
    await ip('link', 'delete', outer).catch(() => undefined);
    await ip('netns', 'delete', name);
    throw error;
  }
  return {
    here,
    there,
    subnet: `10.77.${id}.0/24`,
    within: ['ip', 'netns', 'exec', name],
    // The end over there: from here its addresses are reachable by the link, and nothing comes back.
    cut: async () => {
      await ip('-n', name, 'link', 'set', inner, 'down');
    },
    mend: async () => {
      await ip('-n', name, 'link', 'set', inner, 'up');
    },
    close: async () => {
      // A namespace goes later than its deletion returns, and the link with it: the next of this name would find it.
      await ip('link', 'delete', outer);
      await ip('netns', 'delete', name);
    },
  };
}

/** Why there can be no such network here; undefined when there can. */
export const whyNoNetwork = async (): Promise<string | undefined> => {
  try {
    await (await openNetwork()).close();
    return undefined;
  } catch (error) {
    return `no network of its own can be had here: ${error instanceof Error ? error.message : String(error)}`;
  }
};
