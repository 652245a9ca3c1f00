/**
 * One application's side of the drachtio protocol: frames in, commands obeyed, answers out.
 *
 * Owns       the reading of its stream, whether it has authenticated, its registrations.
 * Leaves to  app-socket the socket; its `Commands` what sip and proxy do.
 *
 * Unlike drachtio-server it insists on authentication, and closes with an error what it can't follow.
 */
import { timingSafeEqual } from 'node:crypto';
import { Application, type Origin } from './application.js';
import { fromUtf8 } from './byte-text.js';
import { encodeFrame, FrameReader } from './frame-reader.js';
import type { Routes } from './routes.js';

/** What applications ask of the edge. Answers go through `application`, under `messageId`. */
export interface Commands {
  sip(application: Application, messageId: string, tokens: readonly string[], text: string): void;
  proxy(application: Application, messageId: string, tokens: readonly string[], text: string): void;
  /** It has authenticated. */
  arrived(application: Application): void;
  /** One that had authenticated is gone. */
  gone(application: Application): void;
}

/** What a session is told of the edge it belongs to. */
export interface SessionContext {
  readonly secret: string;
  readonly newId: () => string;
  readonly now: () => number;
  /** `proto/host:port,…` as told to applications. */
  readonly hostPorts: () => string;
  readonly routes: Routes;
  readonly commands: Commands;
}

/** The connection beneath a session; text is bytes, one per character. */
export interface Wire {
  write(text: string): void;
  /** Ends the connection once everything written has gone out. */
  end(): void;
  /** The application has shown that it knows the secret. */
  authenticated(application: Application): void;
}

/** The first version that drachtio-srf pings; the protocol spoken is 0.9.10's. */
const VERSION = 'v0.9.10-twintrack';

/** As many and as long as drachtio-srf allows them. */
const MAX_TAGS = 20;
const MAX_TAG_LENGTH = 32;

const tagsOf = (list: string): string[] =>
  list.split(',').map((tag) => tag.trim().slice(0, MAX_TAG_LENGTH)).filter((tag) => tag !== '').slice(0, MAX_TAGS);

function sameSecret(given: string, secret: string): boolean {
  const a = Buffer.from(given, 'latin1');
  const b = Buffer.from(secret, 'utf8');
  return a.length === b.length && timingSafeEqual(a, b);
}

export class AppSession {
  readonly application: Application;
  readonly #reader = new FrameReader();
  #authenticated = false;
  #open = true;

  constructor(private readonly context: SessionContext, private readonly wire: Wire, origin: Origin) {
    this.application = new Application(
      (payload) => wire.write(encodeFrame(payload)),
      context.newId,
      context.now,
      () => {
        this.#open = false;
        wire.end();
      },
      origin,
    );
  }

  /** Takes what came from the application, however it was cut up; nothing after a refusal. */
  receive(chunk: string): void {
    if (!this.#open) return;
    const frames = this.#reader.push(chunk);
    for (const payload of frames.payloads) if (this.listening) this.#obey(fromUtf8(payload));
    if (this.listening && frames.reason !== undefined) this.application.refuse('', frames.reason);
  }

  /** Whether what it sends is still obeyed. */
  get listening(): boolean {
    return this.#open;
  }

  /** The connection is gone, and so is what belongs to it. */
  closed(): void {
    this.#open = false;
    this.application.leave();
    this.context.routes.removeAll(this.application);
    if (this.#authenticated) this.context.commands.gone(this.application);
  }

  #authenticate(messageId: string, secret: string, tags: string): void {
    const { application, context } = this;
    if (!sameSecret(secret, context.secret)) {
      application.refuse(messageId, 'incorrect secret');
      return;
    }
    const first = !this.#authenticated;
    this.#authenticated = true;
    if (first) application.identify(tagsOf(tags));
    application.answer(messageId, 'OK', context.hostPorts(), VERSION, context.hostPorts());
    if (!first) return;
    context.commands.arrived(application);
    this.wire.authenticated(application);
  }

  #route(messageId: string, verb: string): void {
    const reason = this.context.routes.add(verb, this.application);
    if (reason === 'bad-verb') this.application.refuse(messageId, 'Route request includes unsupported verb');
    else if (reason === 'too-many') this.application.fail(messageId, 'too many routes');
    else this.application.answer(messageId, 'OK');
  }

  #obey(payload: string): void {
    const { application, context } = this;
    const lineEnd = payload.indexOf('\r\n');
    const line = lineEnd === -1 ? payload : payload.slice(0, lineEnd);
    const text = lineEnd === -1 ? '' : payload.slice(lineEnd + 2);
    const [messageId = '', verb = '', ...tokens] = line.split('|');
    if (verb === 'authenticate') {
      this.#authenticate(messageId, tokens[0] ?? '', tokens[1] ?? '');
      return;
    }
    if (!this.#authenticated) {
      application.refuse(messageId, 'not authenticated');
      return;
    }
    switch (verb) {
      case 'ping':
        application.answer(messageId, 'OK', 'pong');
        return;
      case 'route':
        this.#route(messageId, tokens[0] ?? '');
        return;
      case 'remove_route':
        context.routes.remove(tokens[0] ?? '', application);
        application.answer(messageId, 'OK');
        return;
      case 'sip':
        context.commands.sip(application, messageId, tokens, text);
        return;
      case 'proxy':
        if ((tokens[0] ?? '') === '') application.refuse(messageId, 'transaction id missing');
        else context.commands.proxy(application, messageId, tokens, text);
        return;
      default:
        application.refuse(messageId, 'unknown command');
    }
  }
}
