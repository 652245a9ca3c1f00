/** twintrack's edge with an application, or that application on a drachtio-server, as a subject. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { memoryBytes, usageOf } from '../process-usage.js';
import { takePort } from './ports.js';
import type { Site, Subject } from './shapes.js';
import type { FromSubject, SubjectSetup, ToSubject } from './subject-messages.js';

const patienceMs = 20_000;

/** Asks and waits for the answer of that kind. Rejects when the process ends or says that it failed. */
async function ask<Kind extends FromSubject['kind']>(child: ChildProcess, message: ToSubject, kind: Kind): Promise<Extract<FromSubject, { kind: Kind }>> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(patienceMs)]);
  try {
    child.send(message);
    const exit = once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`the subject ended with ${String(code)}`);
    });
    exit.catch(() => undefined);
    for (;;) {
      const [answer] = (await Promise.race([once(child, 'message', { signal }), exit])) as [FromSubject];
      if (answer.kind === kind) return answer as Extract<FromSubject, { kind: Kind }>;
      if (answer.kind === 'failed') throw new Error(answer.message);
    }
  } finally {
    over.abort();
  }
}

/** A drachtio-server that runs already. */
export interface Drachtio {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  /** Where it takes calls, over UDP and TCP. */
  readonly sipHost: string;
  readonly sipPort: number;
  /** Its process, if it is on this machine: without it its CPU is not counted. */
  readonly pid: number | undefined;
}

/** Throws when it can't be opened. */
export async function openOwnSubject({ shape, calleePort }: Site, drachtio?: Drachtio): Promise<Subject> {
  const preload = new URL('./in-thread.js', import.meta.url).href;
  const child = fork(fileURLToPath(new URL('./subject.js', import.meta.url)), {
    execArgv: [],
    env: { ...process.env, NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import=${preload}` },
    // Its standard output is not the bench's, which has the result alone.
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const port = drachtio?.sipPort ?? takePort();
  const pids = [child.pid ?? 0, ...(drachtio?.pid === undefined ? [] : [drachtio.pid])];
  const close = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    if (child.connected) child.disconnect();
    if ((await Promise.race([exited, sleep(2_000, 'late', { ref: false })])) === 'late') {
      child.kill('SIGKILL');
      await exited;
    }
  };
  try {
    const setup: SubjectSetup = { mode: shape.mode, port, calleePort, ...(drachtio === undefined ? {} : { drachtio: { host: drachtio.host, port: drachtio.port, secret: drachtio.secret } }) };
    await ask(child, { kind: 'open', setup }, 'ready');
  } catch (error) {
    await close();
    throw error;
  }
  return {
    name: drachtio === undefined ? 'twintrack' : 'drachtio',
    host: drachtio?.sipHost ?? '127.0.0.1',
    port,
    usage: () => usageOf(pids),
    memoryBytes: () => memoryBytes(pids),
    inside: async () => (await ask(child, { kind: 'inside' }, 'inside')).inside,
    profile: async (dir) => {
      await ask(child, { kind: 'profile', dir }, 'profiled');
    },
    close,
  };
}
