/**
 * A service that is asked over HTTP what is to become of a request.
 *
 * Owns       its connections, the time and the size an answer may take.
 * Leaves to  instruction what an answer means.
 *
 * Invariant 1: at most `MAX_ASKED` questions to a service are open; another service's do not count.
 */
import { Agent as HttpAgent, request as requestHttp, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Clock } from '../timing.js';

export type Answer =
  | { readonly kind: 'text'; readonly text: string }
  /** It does not answer, too late, or too much. */
  | { readonly kind: 'none' }
  /** It was not asked: too many questions are open. */
  | { readonly kind: 'too-many' };

const MAX_ASKED = 1_024;
const MAX_SOCKETS = 256;
const MAX_ANSWER_BYTES = 65_536;
const MAX_REDIRECTS = 3;

export interface Question {
  readonly query: readonly (readonly [name: string, value: string])[];
  /** The SIP message, one byte per character. */
  readonly text: string;
}

const utf8 = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8');

/** Where a redirect leads, if that can be asked. */
function elsewhere(location: string | undefined, from: string): string | undefined {
  if (location === undefined || !URL.canParse(location, from)) return undefined;
  const { protocol, href } = new URL(location, from);
  return protocol === 'http:' || protocol === 'https:' ? href : undefined;
}

export class RoutingService {
  readonly #base: string;
  readonly #agents: { readonly http: HttpAgent; readonly https: HttpsAgent };
  #asked = 0;

  constructor(url: string, private readonly method: 'GET' | 'POST', verifyPeer: boolean, private readonly clock: Clock, private readonly patienceMs: number) {
    // drachtio-server puts a slash before the query, and services may rely on it.
    this.#base = url.includes('?') ? `${url}&` : `${url.endsWith('/') ? url : `${url}/`}?`;
    const pool = { keepAlive: true, maxSockets: MAX_SOCKETS, maxFreeSockets: 16 };
    this.#agents = { http: new HttpAgent(pool), https: new HttpsAgent({ ...pool, rejectUnauthorized: verifyPeer }) };
  }

  /** Asks; what it returns calls the question off, and does nothing afterwards. */
  ask(question: Question, done: (answer: Answer) => void): () => void {
    if (this.#asked >= MAX_ASKED) {
      done({ kind: 'too-many' });
      return () => undefined;
    }
    this.#asked += 1;
    let settled = false;
    let request: ClientRequest | undefined;
    const settle = (answer: Answer | undefined): void => {
      if (settled) return;
      settled = true;
      this.#asked -= 1;
      late();
      request?.destroy();
      if (answer !== undefined) done(answer);
    };
    const late = this.clock.after(this.patienceMs, () => settle({ kind: 'none' }));
    const send = (url: string, method: 'GET' | 'POST', redirectsLeft: number): void => {
      request = this.#send(url, method, question.text, (response) => {
        const status = response.statusCode ?? 0;
        const next = status >= 300 && status < 400 ? elsewhere(response.headers.location, url) : undefined;
        if (next !== undefined && redirectsLeft > 0) {
          response.destroy();
          send(next, status >= 307 ? method : 'GET', redirectsLeft - 1);
          return;
        }
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) settle({ kind: 'none' });
          else chunks.push(chunk);
        });
        response.on('end', () => settle({ kind: 'text', text: Buffer.concat(chunks).toString('utf8') }));
        response.on('error', () => settle({ kind: 'none' }));
      }, () => settle({ kind: 'none' }));
    };
    const query = question.query.map(([name, value]) => `${encodeURIComponent(utf8(name))}=${encodeURIComponent(utf8(value))}`);
    send(`${this.#base}${query.join('&')}`, this.method, MAX_REDIRECTS);
    return () => settle(undefined);
  }

  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  #send(url: string, method: 'GET' | 'POST', text: string, heard: (response: IncomingMessage) => void, failed: () => void): ClientRequest {
    const options: RequestOptions = {
      method,
      headers: { Accept: 'application/json', ...(method === 'POST' ? { 'Content-Type': 'text/plain; charset=UTF-8' } : {}) },
    };
    const request = url.startsWith('https:')
      ? requestHttps(url, { ...options, agent: this.#agents.https }, heard)
      : requestHttp(url, { ...options, agent: this.#agents.http }, heard);
    request.on('error', failed);
    request.end(method === 'POST' ? Buffer.from(text, 'latin1') : undefined);
    return request;
  }
}
