/**
 * Posts a question over HTTP and gives the body of the answer, or the reason why there is none.
 *
 * Owns       its connections, the time, the bounds of an answer. Nothing is thrown, and no question outlasts `timeoutMs`.
 * Leaves to  answer.ts what the body says; circuit-breaker.ts whether to ask at all.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import type { PolicyServiceSettings } from './settings.js';

/** `connection`: refused, broken off, no HTTP, or a certificate that is not trusted. */
export type ClientReason = 'timeout' | 'connection' | 'redirect' | 'status' | 'content-type' | 'too-large';

/** `abandoned`: withdrawn by who asked, or closed. */
export type Reply = { readonly body: string } | ClientReason | 'abandoned';

export interface Client {
  ask(body: string, signal?: AbortSignal): Promise<Reply>;
  close(): void;
}

export const ANSWER_BYTES = 64 * 1_024;
/** Connections that nobody uses are closed after that. */
const idleMs = 30_000;

export function openClient({ url, timeoutMs, inFlight }: Pick<PolicyServiceSettings, 'url' | 'timeoutMs' | 'inFlight'>, token: string | undefined): Client {
  const target = new URL(url);
  const { Agent, request: start } = target.protocol === 'https:' ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight, maxFreeSockets: inFlight, timeout: idleMs });
  const withdraw = new Set<() => void>();
  let closed = false;

  const ask = (body: string, signal?: AbortSignal): Promise<Reply> =>
    new Promise((resolve) => {
      let request: http.ClientRequest | undefined;
      let settled = false;
      const settle = (reply: Reply): void => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        signal?.removeEventListener('abort', abandon);
        withdraw.delete(abandon);
        resolve(reply);
        // What is left of a question that failed is not waited for.
        if (typeof reply === 'string') request?.destroy();
      };
      const abandon = (): void => settle('abandoned');
      const timer = setTimeout(() => settle('timeout'), timeoutMs);
      if (closed || signal?.aborted === true) {
        abandon();
        return;
      }
      signal?.addEventListener('abort', abandon);
      withdraw.add(abandon);

      const send = (mayTryAgain: boolean): void => {
        const headers = {
          'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), 'Accept': 'application/json',
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        };
        const sent = start(target, { method: 'POST', agent, headers }, (response) => readAnswer(response, settle));
        request = sent;
        sent.on('error', (error) => {
          // The server closed an idle connection at the moment it was taken: the question did not arrive.
          if (!settled && mayTryAgain && sent.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET') send(false);
          else settle('connection');
        });
        sent.end(body);
      };
      send(true);
    });

  return {
    ask,
    close() {
      closed = true;
      for (const abandon of [...withdraw]) abandon();
      agent.destroy();
    },
  };
}

function readAnswer(response: http.IncomingMessage, settle: (reply: Reply) => void): void {
  const fault = headFault(response);
  if (fault !== undefined) {
    settle(fault);
    return;
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  response.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > ANSWER_BYTES) settle('too-large');
    else parts.push(part);
  });
  response.on('end', () => settle({ body: Buffer.concat(parts).toString('utf8') }));
  response.on('error', () => settle('connection'));
}

function headFault({ statusCode = 0, headers }: http.IncomingMessage): ClientReason | undefined {
  if (statusCode >= 300 && statusCode < 400) return 'redirect';
  if (statusCode !== 200) return 'status';
  if (!/^application\/json\s*(?:;|$)/iu.test(headers['content-type'] ?? '')) return 'content-type';
  return Number(headers['content-length'] ?? 0) > ANSWER_BYTES ? 'too-large' : undefined;
}
