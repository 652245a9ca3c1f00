/**
 * A line between one end of a call and the product, for messages that have to cross: what would reach the end too early
 * waits on it until the end has sent its own, and what both ends send at once reaches the product at once.
 *
 * SIPp takes nothing between two messages that it sends, and looks at its sockets there all the same: without such a
 * line the machine's load decides whether its scenario runs.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** Messages that begin or go on as `holds` says wait until the end has sent one that is as `until` says. */
export interface Phase {
  readonly holds: RegExp;
  readonly until: RegExp;
}

/** One after the other; behind the last everything passes. */
export type Phases = readonly Phase[];

/** Where the first messages of two ends meet that are to reach the product at once, before it has gone on with either. */
export class Crossroads {
  #waiting: (() => void)[] = [];
  #over = false;

  constructor(
    private readonly messages: RegExp,
    private readonly productPid: number,
  ) {}

  /** Sends a message now, or with the other end's. */
  pass(message: string, send: () => void): void {
    if (this.#over || !this.messages.test(message)) {
      send();
      return;
    }
    this.#waiting.push(send);
    if (this.#waiting.length < 2) return;
    this.#over = true;
    // It finds both at its socket, however long this process is kept from sending the second.
    process.kill(this.productPid, 'SIGSTOP');
    try {
      while (!isStopped(this.productPid));
      for (const each of this.#waiting) each();
    } finally {
      process.kill(this.productPid, 'SIGCONT');
    }
  }
}

/** Whether all its threads are (proc_pid_stat(5)). */
const isStopped = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/task`).every((thread) => /\) [Tt] /u.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')));

export interface CrossingLine {
  /** Where the end sends to. */
  readonly innerPort: number;
  close(): void;
}

export interface CrossingLineOptions {
  readonly address: string;
  /** The end's own as the product knows it. */
  readonly outerPort: number;
  /** Where it really listens. */
  readonly endPort: number;
  /** The product's, on 127.0.0.1. */
  readonly productPort: number;
  readonly phases: Phases;
  /** The other end's too. */
  readonly crossroads: Crossroads | undefined;
}

/** Of no use to the ends, and it comes whenever it likes. */
const trying = /^SIP\/2\.0 100 /u;

export async function openCrossingLine({ address, outerPort, endPort, productPort, phases, crossroads }: CrossingLineOptions): Promise<CrossingLine> {
  const [outer, inner] = [await bind(address, outerPort), await bind(address, 0)];
  const ahead = [...phases];
  let held: string[] = [];
  const toEnd = (message: string): void => {
    if (ahead[0]?.holds.test(message) !== true) inner.send(Buffer.from(message, 'latin1'), endPort, address);
    // Its sender repeats it meanwhile.
    else if (!held.includes(message)) held.push(message);
  };
  outer.on('message', (bytes) => {
    const message = bytes.toString('latin1');
    if (!trying.test(message)) toEnd(message);
  });
  inner.on('message', (bytes) => {
    const sent = bytes.toString('latin1');
    const send = (): void => outer.send(bytes, productPort, '127.0.0.1');
    if (crossroads === undefined) send();
    else crossroads.pass(sent, send);
    if (ahead[0]?.until.test(sent) !== true) return;
    ahead.shift();
    const waiting = held;
    held = [];
    for (const message of waiting) toEnd(message);
  });
  return {
    innerPort: inner.address().port,
    close: () => {
      outer.close();
      inner.close();
    },
  };
}

async function bind(address: string, port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  const bound = once(socket, 'listening');
  socket.bind(port, address);
  await bound;
  return socket;
}
