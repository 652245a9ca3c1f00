/**
 * The test suite that drachtio-srf ships: where it is, its files, how each is run, what it needs.
 *
 * The files are run where they lie and as they are. `subscribe.js` and `parser.js` are not named here:
 * the suite's own index.js leaves them out, too.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const suiteDir = join(dirname(createRequire(import.meta.url).resolve('drachtio-srf/package.json')), 'test');

/** From drachtio-srf's place, so that what is found is what its files will find. */
const resolver = createRequire(join(suiteDir, 'index.js'));

/** What the suite requires beside drachtio-srf itself, in drachtio-srf's own devDependencies. */
const needed = ['tape', 'config', 'mocha', 'should', 'sip-message-examples'] as const;

/** Those packages that can't be found, here or through NODE_PATH. */
export function missingPackages(): string[] {
  return needed.filter((name) => {
    try {
      resolver.resolve(name);
      return false;
    } catch {
      return true;
    }
  });
}

export interface SuiteFile {
  readonly name: string;
  /** Arguments of node. */
  readonly args: () => readonly string[];
  /** Assertions that the file makes when all goes well: a file that ends early is not a pass. */
  readonly assertions: number;
}

const tape = (name: string, assertions: number): SuiteFile => ({ name, args: () => [join(suiteDir, `${name}.js`)], assertions });

export const suiteFiles: readonly SuiteFile[] = [
  {
    name: 'unit',
    args: () => [join(dirname(resolver.resolve('mocha/package.json')), 'bin', 'mocha.js'), '--reporter', 'tap', '--exit', join(suiteDir, 'unit-tests')],
    assertions: 52,
  },
  tape('b2b', 19),
  tape('reinvite-tests', 1),
  tape('uac', 19),
  tape('uas', 8),
  tape('proxy', 2),
  tape('utils', 27),
  tape('refer', 1),
];
