/**
 * Asks one rtpengine: repeats what is not answered, with the same cookie, so that it is done once.
 *
 * Owns       the socket, and the questions under way; close() ends them.
 * Leaves to  the pool which rtpengine is asked.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { Failure } from '../../errors/index.js';
import { encodeCommand, parseAnswer, type NgAnswer, type NgCommand } from './ng-protocol.js';

export interface NgAddress {
  readonly host: string;
  readonly port: number;
}

export interface NgClient {
  /** @throws Failure ANCHOR_UNREACHABLE without an answer in time, ANCHOR_REFUSED when it says that it cannot. */
  ask(command: NgCommand): Promise<NgAnswer>;
  ping(): Promise<unknown>;
  close(): void;
}

/** After so long it is asked again; each time twice as long, as far as the whole allows. */
const AGAIN_MS = 150;
/** More at once would only wait in a socket. */
const MOST_UNDER_WAY = 10_000;

/** @throws Failure ANCHOR_UNREACHABLE when there is no way to that address from here. */
export async function openNgClient({ host, port }: NgAddress, withinMs: number): Promise<NgClient> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  const underWay = new Map<string, (outcome: NgAnswer | Failure) => void>();
  const prefix = `${process.pid}_${Date.now().toString(36)}_`;
  let count = 0;
  const where = `rtpengine ${host}:${port}`;
  // Connected: the kernel drops what others send, and tells when nobody is there.
  try {
    socket.connect(port, host);
    await once(socket, 'connect');
  } catch (error) {
    socket.close();
    throw new Failure('ANCHOR_UNREACHABLE', `${where} cannot be reached from here`, { cause: error });
  }
  // An ICMP error of one datagram; what is not answered is repeated.
  socket.on('error', () => undefined);
  socket.on('message', (bytes) => {
    const answer = parseAnswer(bytes.toString());
    if (answer !== undefined) underWay.get(answer.cookie)?.(answer);
  });
  const unreachable = (why: string): Failure => new Failure('ANCHOR_UNREACHABLE', `${where} ${why}`);
  let closed = false;
  const client: NgClient = {
    ping: () => client.ask({ command: 'ping' }),
    ask(command) {
      if (closed) return Promise.reject(unreachable('is not asked any more'));
      if (underWay.size >= MOST_UNDER_WAY) return Promise.reject(unreachable(`has ${MOST_UNDER_WAY} questions to answer already`));
      const cookie = `${prefix}${(count += 1)}`;
      const text = encodeCommand(cookie, command);
      return new Promise((resolve, reject) => {
        let waitMs = AGAIN_MS;
        let again: NodeJS.Timeout;
        const settle = (outcome: NgAnswer | Failure): void => {
          clearTimeout(again);
          clearTimeout(end);
          underWay.delete(cookie);
          if (outcome instanceof Failure) reject(outcome);
          else if (outcome.result !== 'error') resolve(outcome);
          else reject(new Failure('ANCHOR_REFUSED', `${where} refused "${command.command}": ${outcome.reason ?? 'it does not say why'}`));
        };
        const end = setTimeout(() => settle(unreachable(`did not answer within ${withinMs} ms: does it run, with --listen-ng on that address?`)), withinMs);
        const send = (): void => {
          socket.send(text, () => undefined);
          again = setTimeout(send, waitMs);
          waitMs *= 2;
        };
        underWay.set(cookie, settle);
        send();
      });
    },
    close() {
      if (closed) return;
      closed = true;
      socket.close();
      for (const settle of [...underWay.values()]) settle(unreachable('is not asked any more'));
    },
  };
  return client;
}
