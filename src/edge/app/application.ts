/**
 * One connected application: what the rest of the edge knows of a drachtio-srf at the other end
 * of a socket. The layouts are those of drachtio-server; every position counts.
 *
 * Leaves to  app-server the socket; the agent what to say.
 */
import type { Place, Protocol } from '../transport/path.js';
import { timeOfDay } from '../timing.js';
import { toUtf8 } from './byte-text.js';
import { Promptness } from './promptness.js';

/** Where a message came from or went to, as an application is told. */
export interface Meta {
  readonly source: 'network' | 'application';
  /** The empty string for ACK. */
  readonly protocol: Protocol | '';
  readonly address: string;
  readonly port: number;
  readonly transactionId: string;
  readonly dialogId: string;
  /** Where a new out-of-dialog request was received. */
  readonly receivedOn?: Place;
}

/** Who opened the connection: the application, for as long as it lives, or the edge, for one request. */
export type Origin = 'inbound' | 'outbound';

export class Application {
  readonly promptness: Promptness;
  #gone = false;
  #tags: readonly string[] = [];

  constructor(
    private readonly write: (payload: string) => void,
    private readonly newId: () => string,
    private readonly now: () => number,
    private readonly end: () => void,
    readonly origin: Origin = 'inbound',
  ) {
    this.promptness = new Promptness(now);
  }

  /** Stands in where there is no application to tell. */
  static nobody(): Application {
    return new Application(() => undefined, () => '', () => 0, () => undefined);
  }

  /** What it called itself when it authenticated, sorted. */
  get tags(): readonly string[] {
    return this.#tags;
  }

  identify(tags: readonly string[]): void {
    this.#tags = [...new Set(tags)].sort();
  }

  /** True once it has disconnected: nothing reaches it any more. */
  get gone(): boolean {
    return this.#gone;
  }

  leave(): void {
    this.#gone = true;
  }

  /** A SIP message for the application, with nothing asked before. */
  deliver(meta: Meta, text: string): void {
    const received = meta.receivedOn === undefined ? '' : `${meta.receivedOn.address}|${meta.receivedOn.port}|`;
    const told = toUtf8(text);
    this.#send(
      `sip|${meta.source}|${told.length}|${meta.protocol}|${meta.address}|${meta.port}|${this.#time()}` +
      `|${meta.transactionId}|${meta.dialogId}|${received}`,
      told,
    );
  }

  /** An answer without a message: `OK`, `NO` or `NOK`, and what follows it. */
  answer(messageId: string, ...tokens: readonly string[]): void {
    this.#send(`response|${messageId}|${tokens.join('|')}`);
  }

  /** `NO`: the command itself was wrong, and the connection is closed after saying so. */
  refuse(messageId: string, why: string): void {
    this.answer(messageId, 'NO', why);
    this.end();
  }

  /** `NOK`: what was asked could not be done. */
  fail(messageId: string, why: string): void {
    this.answer(messageId, 'NOK', why);
  }

  /** The request that was sent for the application, whole. */
  echoRequest(messageId: string, meta: Meta, text: string): void {
    const told = toUtf8(text);
    this.#send(`response|${messageId}|OK|${this.#sent(meta, told)}|${meta.transactionId}|Msg sent:|`, told);
  }

  /** The response that was sent for the application, whole. */
  echoResponse(messageId: string, meta: Meta, text: string): void {
    const told = toUtf8(text);
    this.#send(`response|${messageId}|OK|${this.#sent(meta, told)}|${meta.transactionId}|${meta.dialogId}||Msg sent:|`, told);
  }

  /** A final response that a proxied request got from one of its targets. */
  proxied(messageId: string, meta: Meta, text: string): void {
    const told = toUtf8(text);
    this.#send(`response|${messageId}|OK|${this.#sent(meta, told)}|||continue`, told);
  }

  /** A call record: `cdr:attempt`, `cdr:start` or `cdr:stop`. */
  record(event: string, source: Meta['source'], detail: string | undefined, text: string): void {
    this.#send(`${event}|${source}|${this.#time()}${detail === undefined ? '' : `|${detail}`}`, toUtf8(text));
  }

  #sent(meta: Meta, told: string): string {
    return `${meta.source}|${told.length}|${meta.protocol}|${meta.address}|${meta.port}|${this.#time()}`;
  }

  #time(): string {
    return timeOfDay(this.now());
  }

  /** `told`: a SIP message as it is told, which is in UTF-8. */
  #send(head: string, told?: string): void {
    if (!this.#gone) this.write(`${this.newId()}|${toUtf8(head)}${told === undefined ? '' : `\r\n${told}`}`);
  }
}
