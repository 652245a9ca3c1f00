/**
 * The library of a twintrack that runs elsewhere, or in another process, over its HTTP API.
 *
 * What that one reports as a Failure is the same Failure here; everything else that keeps an answer
 * from coming is API_UNREACHABLE, with what to do.
 */
import type { ReadableStreamDefaultReader } from 'node:stream/web';
import { catalogue, Failure, messageOf, type FailureCode } from '../errors/index.js';
import type { Found, Listed } from '../ledger/index.js';
import type { Library, PublicKey, Verification } from './library.js';
import { encodeListQuery } from './list-query.js';

export interface RemoteLibraryOptions {
  /** As `http://127.0.0.1:8080`. */
  readonly baseUrl: string;
  readonly token: string;
  /** For an answer to begin; also for each piece of audio to follow the one before. */
  readonly timeoutMs?: number;
  /** For a verification, which reads the whole recording. */
  readonly verifyTimeoutMs?: number;
}

interface Asking {
  readonly method?: string;
  readonly signal?: AbortSignal;
  readonly body?: object;
}

export const remoteLibrary = ({ baseUrl, token, timeoutMs = 15_000, verifyTimeoutMs = 110_000 }: RemoteLibraryOptions): Library => {
  const askAny = async (path: string, { method = 'GET', signal = AbortSignal.timeout(timeoutMs), body }: Asking = {}): Promise<Response> => {
    const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const response = await reach(baseUrl, () =>
      fetch(new URL(`v1/${path}`, `${baseUrl.replace(/\/+$/, '')}/`), { method, signal, redirect: 'error', headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }),
    );
    if (!response.ok) throw await failureOf(baseUrl, response);
    return response;
  };
  const ask = (path: string, asking?: Asking): Promise<Response> => askAny(`recordings${path}`, asking);
  /** Our own server wrote it, so it has the type that it had there. */
  const json = async <T extends object>(response: Response): Promise<T> => (await reach(baseUrl, () => response.json())) as T;
  const byId = (id: string, rest = ''): string => `/${encodeURIComponent(id)}${rest}`;

  return {
    list: async (filter) => json<Listed[]>(await ask(`?${encodeListQuery(filter).toString()}`)),
    find: async (id) => {
      try {
        return await json<Found>(await ask(byId(id)));
      } catch (error) {
        if (error instanceof Failure && error.code === 'RECORDING_UNKNOWN') return undefined;
        throw error;
      }
    },
    audio: async (id) => {
      const patience = new Patience(timeoutMs);
      const response = await ask(byId(id, '/audio'), { signal: patience.signal }).finally(() => patience.rest());
      const [, name = `${id}.wav`] = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '') ?? [];
      return { name, bytes: piecesOf(baseUrl, response, patience) };
    },
    publicKey: async () => json<PublicKey>(await askAny('keys/public')),
    sendKeys: async (sessionId, sealed) => {
      const body = { keys: sealed.map((box) => Buffer.from(box).toString('base64')) };
      const answer = await askAny(`sessions/${encodeURIComponent(sessionId)}/keys`, { method: 'POST', body });
      return (await json<{ keys: number }>(answer)).keys;
    },
    verify: async (id) => json<Verification>(await ask(byId(id, '/verify'), { method: 'POST', signal: AbortSignal.timeout(verifyTimeoutMs) })),
    close: () => Promise.resolve(),
  };
};

/** A timeout that is wound up anew for each piece, and rests while the receiver is busy. */
class Patience {
  readonly #controller = new AbortController();
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.wind();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  wind(): void {
    this.#timer = setTimeout(() => this.#controller.abort(new Error(`no answer within ${this.#timeoutMs} ms`)), this.#timeoutMs);
  }

  rest(): void {
    clearTimeout(this.#timer);
  }
}

async function* piecesOf(baseUrl: string, response: Response, patience: Patience): AsyncGenerator<Buffer> {
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      patience.wind();
      const { done, value } = await reach(baseUrl, () => reader.read()).finally(() => patience.rest());
      if (done) return;
      yield Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

const reach = async <T>(baseUrl: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause);
    throw new Failure('API_UNREACHABLE', `twintrack does not answer on ${baseUrl} (${reason}): is it running, with the role api?`, { cause });
  }
};

const failureOf = async (baseUrl: string, response: Response): Promise<Failure> => {
  const facts = { status: response.status };
  if (response.status === 401) {
    return new Failure('API_UNREACHABLE', `twintrack on ${baseUrl} refuses the token: use the one of that running product`, { facts });
  }
  const body: unknown = await response.json().catch(() => undefined);
  const { code, message } = (typeof body === 'object' && body !== null ? body : {}) as { code?: unknown; message?: unknown };
  if (typeof message === 'string' && isFailureCode(code)) return new Failure(code, message, { facts });
  const said = typeof message === 'string' ? `: ${message}` : '';
  return new Failure('API_UNREACHABLE', `twintrack on ${baseUrl} answered with status ${response.status}${said}; is it running with the role api, and the same version?`, { facts });
};

const isFailureCode = (code: unknown): code is FailureCode => typeof code === 'string' && Object.hasOwn(catalogue, code);
