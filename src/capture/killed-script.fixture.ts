/** For tests: what a process had said when it was killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Runs a module script, and ends it with SIGKILL once it has printed so many lines. @throws Error when it ended by itself. */
export async function killedAfter(lines: number, script: string): Promise<string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const data of child.stdout.setEncoding('utf8')) {
    said += String(data);
    if (!child.killed && said.split('\n').length > lines) child.kill('SIGKILL');
  }
  if (child.signalCode === null) await once(child, 'exit');
  if (child.signalCode !== 'SIGKILL') throw new Error(`it ended by itself, with ${child.exitCode}`);
  return said.trimEnd().split('\n');
}
