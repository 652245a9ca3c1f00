/** baresip (Debian's baresip-core), a telephone that people use: driven by its control port, heard by its events. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../src/udp/free-port.fixture.js';

export const baresipIsInstalled = (): boolean => spawnSync('baresip', ['-h'], { stdio: 'ignore' }).error === undefined;

export interface BaresipOptions {
  readonly dir: string;
  /** Its SIP port; the one above it is taken for TLS, whether wanted or not. */
  readonly port: number;
  /** First of a hundred ports for its media. */
  readonly mediaPort: number;
  /** User parts of its addresses; calls to them are answered at once. */
  readonly users: readonly string[];
  /** What its microphone hears: PCM16 at 8 kHz, mono. */
  readonly wavFile: string;
}

export interface BaresipEvent {
  readonly type: string;
  readonly accountaor?: string;
  readonly peeruri?: string;
  readonly param?: string;
}

export interface Baresip {
  /** Everything it has told so far, oldest first. */
  readonly events: readonly BaresipEvent[];
  /** A command of its menu, such as `dial`; rejects when it is refused. */
  command(command: string, params?: string): Promise<void>;
  /** The first event, told already or yet to come, that is so. */
  event(what: string, isIt: (event: BaresipEvent) => boolean): Promise<BaresipEvent>;
  close(): Promise<void>;
}

const startWithinMs = 20_000;
const eventWithinMs = 30_000;

const modules = ['g711', 'aufile'];
const applications = ['account', 'menu', 'ctrl_tcp'];

export async function openBaresip(options: BaresipOptions): Promise<Baresip> {
  const { dir, port, mediaPort, users, wavFile } = options;
  const controlPort = await freePort();
  const folder = join(dir, `baresip-${port}`);
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'config'),
    `net_interface 127.0.0.1
poll_method epoll
sip_listen 127.0.0.1:${port}
call_max_calls 8
module_path /usr/lib/baresip/modules
audio_source aufile,${wavFile}
ausrc_srate 8000
ausrc_channels 1
audio_buffer 20-160
rtp_ports ${mediaPort}-${mediaPort + 99}
${modules.map((name) => `module ${name}.so`).join('\n')}
${applications.map((name) => `module_app ${name}.so`).join('\n')}
ctrl_tcp_listen 127.0.0.1:${controlPort}
`,
  );
  await writeFile(join(folder, 'accounts'), users.map((user) => `<sip:${user}@127.0.0.1:${port}>;regint=0;answermode=auto\n`).join(''));
  const child = spawn('baresip', ['-f', folder, '-4'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (output = (output + chunk).slice(-4_000)));
  let control: Socket;
  try {
    control = await connectWithin(controlPort, () => child.exitCode === null);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`baresip did not start: ${output}`, { cause: error });
  }

  const events: BaresipEvent[] = [];
  const answers = new Map<string, (ok: boolean, data: string) => void>();
  const listeners = new Set<() => void>();
  readNetstrings(control, (text) => {
    const said = JSON.parse(text) as { event?: boolean; token?: string; ok?: boolean; data?: string } & BaresipEvent;
    if (said.event === true) events.push(said);
    else answers.get(said.token ?? '')?.(said.ok === true, said.data ?? '');
    for (const wake of listeners) wake();
  });
  control.on('error', () => undefined);
  let commands = 0;
  return {
    events,
    command: (command, params) =>
      new Promise((resolve, reject) => {
        const token = String((commands += 1));
        const timer = setTimeout(() => reject(new Error(`baresip said nothing to ${command}: ${output}`)), eventWithinMs);
        answers.set(token, (ok, data) => {
          answers.delete(token);
          clearTimeout(timer);
          if (ok) resolve();
          else reject(new Error(`baresip refused ${command}: ${data}`));
        });
        const text = JSON.stringify({ command, params, token });
        control.write(`${Buffer.byteLength(text)}:${text},`);
      }),
    event: (what, isIt) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = events.find(isIt);
          if (found === undefined) return;
          listeners.delete(look);
          clearTimeout(timer);
          resolve(found);
        };
        const timer = setTimeout(() => {
          listeners.delete(look);
          reject(new Error(`not within ${eventWithinMs} ms: ${what}; told: ${events.map(({ type, param }) => `${type} ${param ?? ''}`).join(', ')}`));
        }, eventWithinMs);
        listeners.add(look);
        look();
      }),
    async close() {
      control.destroy();
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await closed;
      clearTimeout(late);
    },
  };
}

/** It listens a little after it has begun. */
async function connectWithin(port: number, runs: () => boolean): Promise<Socket> {
  const giveUpAt = Date.now() + startWithinMs;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      socket.destroy();
      if (!runs() || Date.now() > giveUpAt) throw error;
      await delay(50);
    }
  }
}

/** `length:text,` one after the other, as baresip frames what it says. */
function readNetstrings(socket: Socket, take: (text: string) => void): void {
  let left = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    left = Buffer.concat([left, chunk]);
    for (;;) {
      const colon = left.indexOf(':');
      const length = colon === -1 ? Number.NaN : Number(left.toString('latin1', 0, colon));
      const end = colon + 1 + length;
      if (!Number.isInteger(length) || left.length < end + 1) return;
      take(left.toString('utf8', colon + 1, end));
      left = left.subarray(end + 1);
    }
  });
}
