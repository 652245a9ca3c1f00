/**
 * What the suite finds as `docker`: it understands `docker run … drachtio/sipp sipp …` and runs the
 * local SIPp for it, with an address of its own as a container has, and its name in /etc/hosts.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const dir = process.env['TWINTRACK_TESTBED'] ?? '';
const args = process.argv.slice(2);
const image = args.indexOf('drachtio/sipp');
if (args[0] !== 'run' || image === -1 || args[image + 1] !== 'sipp') {
  console.error(`this docker can only run drachtio/sipp, not: ${args.join(' ')}`);
  process.exit(125);
}

/** The first address that no other container has; making a folder is what no two can do at once. */
function takeAddress(): string {
  for (let last = 1; last < 255; last += 1) {
    try {
      mkdirSync(join(dir, 'addresses', String(last)));
      return `172.29.1.${last}`;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    }
  }
  throw new Error('no address is free');
}

const address = takeAddress();
const named = args.indexOf('--name');
if (named !== -1 && named < image) appendFileSync('/etc/hosts', `${address} ${args[named + 1] ?? ''}\n`);
const sipp = args.slice(image + 2).map((arg) => arg.replace(/^\/tmp\/scenarios\//u, join(dir, 'scenarios/')));
const child = spawn('sipp', ['-i', address, '-p', '5060', '-timeout', '60', ...sipp], { cwd: dir, stdio: 'inherit' });
child.on('close', (status) => {
  process.exitCode = status ?? 1;
});
