/** SIP by hand over UDP, for what no well-behaved peer sends. */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

export interface RawSip {
  readonly port: number;
  readonly received: readonly string[];
  send(message: string | Buffer, port: number): void;
  /** The first message, received already or yet to come, that begins so. */
  message(start: string): Promise<string>;
  close(): void;
}

const messageWithinMs = 10_000;

export async function openRawSip(address: string, port = 0): Promise<RawSip> {
  const socket: Socket = createSocket('udp4');
  socket.bind(port, address);
  await once(socket, 'listening');
  const received: string[] = [];
  const waiting = new Set<() => void>();
  socket.on('message', (bytes) => {
    received.push(bytes.toString());
    for (const wake of waiting) wake();
  });
  return {
    port: socket.address().port,
    received,
    send: (message, to) => socket.send(message, to, '127.0.0.1'),
    message: (start) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = received.find((message) => message.startsWith(start));
          if (found === undefined) return;
          waiting.delete(look);
          clearTimeout(timer);
          resolve(found);
        };
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`no message "${start}…" within ${messageWithinMs} ms; received: ${received.map((message) => message.split('\r\n', 1)[0]).join(', ')}`));
        }, messageWithinMs);
        waiting.add(look);
        look();
      }),
    close: () => socket.close(),
  };
}

export interface RawRequest {
  readonly method: string;
  readonly from: { readonly address: string; readonly port: number };
  readonly toPort: number;
  readonly body?: string;
  readonly contentType?: string;
}

/** A well-formed request, out of any dialog. */
export function rawRequest({ method, from, toPort, body = '', contentType = 'application/sdp' }: RawRequest): string {
  const id = randomBytes(8).toString('hex');
  return [
    `${method} sip:someone@127.0.0.1:${toPort} SIP/2.0`,
    `Via: SIP/2.0/UDP ${from.address}:${from.port};branch=z9hG4bK${id};rport`,
    'Max-Forwards: 70',
    `From: <sip:raw@${from.address}:${from.port}>;tag=${id}`,
    `To: <sip:someone@127.0.0.1:${toPort}>`,
    `Call-ID: ${id}`,
    `CSeq: 1 ${method}`,
    `Contact: <sip:raw@${from.address}:${from.port}>`,
    ...(body === '' ? [] : [`Content-Type: ${contentType}`]),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

/** A final response to a request as it was received. */
export function rawResponse(request: string, status: string): string {
  const copied = request.split('\r\n').filter((line) => /^(via|from|call-id|cseq):/i.test(line));
  const to = request.split('\r\n').find((line) => /^to:/i.test(line)) ?? '';
  return [`SIP/2.0 ${status}`, ...copied, `${to};tag=raw`, 'Content-Length: 0', '', ''].join('\r\n');
}
