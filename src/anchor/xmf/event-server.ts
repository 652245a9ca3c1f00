/**
 * Where gateways tell of their calls: HTTP POSTs with one message each.
 *
 * Only gateways that are configured are listened to, by their addresses: XMF knows no other proof.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Failure, messageOf } from '../../errors/index.js';
import { readXmf, type XmfMessage } from './messages.js';

export interface EventServerOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Whether anything from this address is read. */
  readonly knows: (address: string) => boolean;
  /** Gives what the gateway is answered. */
  readonly onMessage: (message: XmfMessage, address: string) => string | undefined;
}

export interface EventServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Messages have some kilobytes. */
const mostBytes = 64 * 1024;
const requestWithinMs = 10_000;
const mostConnections = 256;

/** @throws Failure HTTP_LISTEN when the address is not to be had. */
export async function openEventServer({ host, port, path, knows, onMessage }: EventServerOptions): Promise<EventServer> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:/u, '');
    const end = (status: number, body = ''): void => {
      response.writeHead(status, { 'Content-Length': Buffer.byteLength(body), ...(body === '' ? {} : { 'Content-Type': 'application/soap+xml; charset=utf-8' }), ...(status === 200 ? {} : { Connection: 'close' }) });
      response.end(body);
    };
    if (!knows(address)) {
      end(403);
      return;
    }
    if (request.method !== 'POST' || request.url !== path) {
      end(404);
      return;
    }
    const text = await bodyOf(request);
    if (text === undefined) {
      end(413);
      return;
    }
    const message = readXmf(text);
    if (typeof message === 'string') end(400);
    else end(200, onMessage(message, address) ?? '');
  };
  const server = createServer((request, response) => {
    // A gateway that goes away in the middle has nothing to be told.
    answer(request, response).catch(() => request.destroy());
  });
  server.headersTimeout = server.requestTimeout = requestWithinMs;
  server.maxConnections = mostConnections;
  server.on('clientError', (_error, socket) => socket.destroy());
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw new Failure('HTTP_LISTEN', `what Cisco gateways tell cannot be heard on ${host}:${port}: ${messageOf(error)}`, { cause: error, facts: { host, port } });
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Undefined when it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > mostBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
