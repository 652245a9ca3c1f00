/** For tests: a SIP peer that says exactly what a test tells it to, over UDP, TCP or TLS. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Test } from 'tap';
import { parseMessage } from './message/parse-message.js';
import { headerOf, type SipMessage } from './message/sip-message.js';
import { authority, type TestCertificate } from './transport/test-certificates.fixture.js';

export interface RawPeer {
  readonly port: number;
  /** Sends text as it is, to the port of an edge. */
  send(text: string, toPort: number): void;
  /** The next message that fits, out of those not yet taken; fails after `ms`. */
  take(what: string, fits: (message: SipMessage) => boolean, ms?: number): Promise<SipMessage>;
  /** What has arrived and not been taken. */
  readonly left: readonly SipMessage[];
  /** All that has arrived, readable or not, as it came. */
  readonly texts: readonly string[];
}

function inbox(): { arrive(text: string): void; take: RawPeer['take']; left: SipMessage[]; texts: string[] } {
  const left: SipMessage[] = [];
  const texts: string[] = [];
  const waiting = new Set<() => void>();
  return {
    left,
    texts,
    arrive: (text) => {
      texts.push(text);
      const message = parseMessage(text);
      if (typeof message === 'string') return;
      left.push(message);
      for (const look of [...waiting]) look();
    },
    take: (what, fits, ms = 3_000) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`no ${what} in ${ms} ms; there is: ${left.map((each) => (each.kind === 'request' ? each.method : each.status)).join(', ')}`));
        }, ms);
        const look = (): void => {
          const found = left.findIndex(fits);
          const [message] = found === -1 ? [] : left.splice(found, 1);
          if (message === undefined) return;
          clearTimeout(late);
          waiting.delete(look);
          resolve(message);
        };
        waiting.add(look);
        look();
      }),
  };
}

export async function openRawUdp(t: Test): Promise<RawPeer> {
  const box = inbox();
  const socket = createSocket('udp4');
  socket.on('message', (datagram) => box.arrive(datagram.toString('latin1')));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return {
    port: socket.address().port,
    send: (text, toPort) => socket.send(Buffer.from(text, 'latin1'), toPort, '127.0.0.1'),
    take: box.take,
    left: box.left,
    texts: box.texts,
  };
}

export interface RawTcp extends Omit<RawPeer, 'send'> {
  send(text: string): void;
  readonly closed: Promise<unknown>;
  end(): void;
}

export const openRawTcp = (t: Test, toPort: number): Promise<RawTcp> => openRawStream(t, connect(toPort, '127.0.0.1'), 'connect');

/** Trusts the authority of the test certificates, and shows one of them if it is given. */
export const openRawTls = (t: Test, toPort: number, certificate?: TestCertificate): Promise<RawTcp> =>
  openRawStream(t, connectTls({ port: toPort, host: '127.0.0.1', ca: authority, ...certificate }), 'secureConnect');

async function openRawStream(t: Test, socket: Socket, ready: 'connect' | 'secureConnect'): Promise<RawTcp> {
  const box = inbox();
  let held = '';
  socket.on('data', (chunk) => {
    held += chunk.toString('latin1');
    for (;;) {
      const head = held.indexOf('\r\n\r\n');
      if (head === -1) return;
      const length = Number(/content-length: *(\d+)/iu.exec(held.slice(0, head))?.[1] ?? 0);
      if (held.length < head + 4 + length) return;
      box.arrive(held.slice(0, head + 4 + length));
      held = held.slice(head + 4 + length);
    }
  });
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, ready);
  t.teardown(() => socket.destroy());
  return {
    port: socket.localPort ?? 0,
    send: (text) => socket.write(text, 'latin1'),
    take: box.take,
    left: box.left,
    texts: box.texts,
    closed,
    end: () => socket.end(),
  };
}

let calls = 0;

export interface RawCall {
  readonly callId: string;
  readonly branch: string;
  /** A request of this call; `to` is the To header, with a tag once there is one. */
  request(method: string, options?: { readonly cseq?: number; readonly to?: string; readonly branch?: string; readonly headers?: string; readonly body?: string; readonly uri?: string }): string;
}

/** A call that a raw peer makes to `uri`. */
export function rawCall(peerPort: number, uri: string, transport = 'UDP'): RawCall {
  calls += 1;
  const tag = `raw${calls}`;
  const callId = `raw-${calls}-${peerPort}`;
  const branch = `z9hG4bKraw${calls}x${peerPort}`;
  return {
    callId,
    branch,
    request: (method, options = {}) => {
      const body = options.body ?? '';
      return [
        `${method} ${options.uri ?? uri} SIP/2.0`,
        `Via: SIP/2.0/${transport} 127.0.0.1:${peerPort};rport;branch=${options.branch ?? branch}`,
        'Max-Forwards: 70',
        `From: <sip:raw@127.0.0.1:${peerPort}>;tag=${tag}`,
        options.to ?? `To: <${uri}>`,
        `Call-ID: ${callId}`,
        `CSeq: ${options.cseq ?? 1} ${method}`,
        `Contact: <sip:raw@127.0.0.1:${peerPort}${transport === 'UDP' ? '' : `;transport=${transport.toLowerCase()}`}>`,
        ...(options.headers === undefined ? [] : [options.headers]),
        ...(body === '' ? [] : ['Content-Type: application/sdp']),
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n');
    },
  };
}

export interface RawAnswer {
  readonly tag?: string;
  readonly headers?: string;
  readonly body?: string;
}

/** A response to a request that a raw peer took. */
export function rawResponse(request: SipMessage, status: number, reason: string, answer: RawAnswer = {}): string {
  const body = answer.body ?? '';
  const tag = answer.tag === undefined || request.toTag !== '' ? '' : `;tag=${answer.tag}`;
  return [
    `SIP/2.0 ${status} ${reason}`,
    ...request.headers.filter((each) => each.key === 'via' || each.key === 'record-route').map((each) => `${each.name}: ${each.value}`),
    `From: ${headerOf(request, 'from') ?? ''}`,
    `To: ${headerOf(request, 'to') ?? ''}${tag}`,
    `Call-ID: ${request.callId}`,
    `CSeq: ${request.cseq.number} ${request.cseq.method}`,
    ...(answer.headers === undefined ? [] : [answer.headers]),
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

/** The To header of a message, whole, for use in the requests that follow. */
export const toOf = (message: SipMessage): string => `To: ${headerOf(message, 'to') ?? ''}`;

export const isResponse = (status: number, method?: string) => (message: SipMessage): boolean =>
  message.kind === 'response' && message.status === status && (method === undefined || message.cseq.method === method);

export const isRequest = (method: string) => (message: SipMessage): boolean => message.kind === 'request' && message.method === method;
