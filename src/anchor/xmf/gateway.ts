/**
 * One Cisco gateway, by its XMF provider: we are registered with it for as long as that can be had, and then it tells of
 * its connections and forks what is asked for.
 *
 * Owns       the registration, which is made anew with a growing wait, and what is asked of the gateway.
 * Leaves to  connections.ts what the gateway has told of; event-server.ts how its words get here.
 *
 * The gateway probes us; where it has not for three of its intervals, it has forgotten us.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Failure, messageOf } from '../../errors/index.js';
import { readCiscoGuid } from '../../sip/index.js';
import type { Connection, Connections } from './connections.js';
import { encodeForking, encodeProbed, encodeProviderLeft, encodeRegister, encodeUnregister, readXmf, type ConnectionName, type ForkOrder, type XmfMessage } from './messages.js';

export interface GatewayOptions {
  /** Of its XMF provider. */
  readonly url: string;
  /** What it calls us by, as it stands in its configuration. */
  readonly applicationUrl: string;
  readonly name: string;
  readonly withinMs: number;
  readonly connections: Connections;
  readonly onChange: (up: boolean, reason: string) => void;
}

type Forked = 'started' | 'failed' | 'done';

const [firstRetryMs, lastRetryMs] = [1_000, 30_000];
/** Until its first probe says how often they come: twice the longest interval that it can be told, 255 s. */
const firstProbeWithinMs = 510_000;
const missedProbes = 3;
/** Of an answer; they have some hundred. */
const mostBytes = 64 * 1024;

export class XmfGateway {
  readonly #options: GatewayOptions;
  readonly #closing = new AbortController();
  /** Of our registration; empty while there is none. */
  #registrationId = '';
  #transactions = 0;
  #lose: (reason: string) => void = () => undefined;
  /** Ends the wait before the next try. */
  #hurry = new AbortController();
  #silence: NodeJS.Timeout | undefined;
  readonly #awaited = new Map<string, (state: Forked) => void>();
  readonly #running: Promise<void>;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#running = this.#keepRegistered();
  }

  get url(): string {
    return this.#options.url;
  }

  get registrationId(): string {
    return this.#registrationId;
  }

  /** Takes what it says, and gives what it is to be answered, where it asks. */
  hear(message: XmfMessage): string | undefined {
    const { registrationId, transactionId } = message;
    const told = { registrationId, transactionId };
    const isOurs = registrationId !== '' && registrationId === this.#registrationId;
    if (message.kind === 'probing') {
      if (isOurs && message.registered) this.#heard(message.intervalMs);
      else if (this.#registrationId === '') this.#hurry.abort();
      else if (!message.registered) this.#lose('it has forgotten that we are registered');
      return encodeProbed(told, message.sequence);
    }
    if (message.kind === 'provider-leaves') {
      if (isOurs) this.#lose('it does not serve us any more');
      return encodeProviderLeft(told);
    }
    if (!isOurs) {
      if (message.kind === 'status' && message.inService) this.#hurry.abort();
      return undefined;
    }
    switch (message.kind) {
      case 'status':
        if (!message.inService) this.#lose('it is out of service');
        break;
      case 'connected':
        this.#options.connections.add({ ...this.#named(message), guids: message.guids.flatMap((guid) => readCiscoGuid(guid) ?? []), direction: message.direction });
        break;
      case 'disconnected':
        this.#options.connections.remove(this.#named(message));
        break;
      case 'forking': {
        const state = /^FORK_(STARTED|FAILED|DONE)$/u.exec(message.state)?.[1]?.toLowerCase();
        if (state !== undefined) this.#awaited.get(nameOf(message))?.(state as Forked);
        break;
      }
      default:
    }
    return undefined;
  }

  /**
   * Has a connection's media copied; resolves when the gateway says that it is, or has said nothing against it in time.
   *
   * @throws Failure ANCHOR_UNREACHABLE, ANCHOR_REFUSED when it does not do it.
   */
  async fork(connection: ConnectionName, order: ForkOrder): Promise<void> {
    const name = nameOf(connection);
    const { withinMs } = this.#options;
    let late: NodeJS.Timeout | undefined;
    const state = new Promise<Forked | 'untold'>((resolve) => {
      this.#awaited.set(name, resolve);
      late = setTimeout(() => resolve('untold'), withinMs);
    });
    try {
      await this.#command(encodeForking(this.#header(), connection, order), 'media forking');
      if ((await state) === 'failed') throw new Failure('ANCHOR_REFUSED', `${this.#options.url} could not set up media forking`);
    } finally {
      clearTimeout(late);
      this.#awaited.delete(name);
    }
  }

  /** Never rejects: a call that has ended has no forking. */
  async endFork(connection: ConnectionName): Promise<void> {
    await this.#command(encodeForking(this.#header(), connection, undefined), 'the end of media forking').catch(() => undefined);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return this.#running;
    this.#closing.abort();
    const registered = this.#registrationId !== '';
    const header = this.#header();
    this.#lose('we are closing');
    if (registered) await this.#post(encodeUnregister(header)).catch(() => undefined);
    await this.#running;
  }

  async #keepRegistered(): Promise<void> {
    const { signal } = this.#closing;
    let waitMs = firstRetryMs;
    while (!signal.aborted) {
      try {
        const lost = this.#untilLost();
        await this.#register();
        this.#heard(undefined);
        waitMs = firstRetryMs;
        this.#options.onChange(true, 'it has registered us');
        this.#options.onChange(false, await lost);
      } catch (error) {
        this.#options.onChange(false, messageOf(error));
      }
      clearTimeout(this.#silence);
      this.#registrationId = '';
      this.#options.connections.forget(this.#options.url);
      this.#hurry = new AbortController();
      // Two that start together must not ask together for ever.
      await delay(waitMs * (0.75 + Math.random() / 2), undefined, { signal: AbortSignal.any([signal, this.#hurry.signal]) }).catch(() => undefined);
      waitMs = Math.min(2 * waitMs, lastRetryMs);
    }
  }

  #untilLost(): Promise<string> {
    return new Promise((resolve) => (this.#lose = resolve));
  }

  async #register(): Promise<void> {
    const { url, name, applicationUrl } = this.#options;
    const answer = await this.#post(encodeRegister({ transactionId: this.#transaction(), name, applicationUrl, providerUrl: url }));
    if (answer?.kind !== 'response' || answer.registrationId === '') throw new Failure('ANCHOR_REFUSED', `${url} does not register us${reasonIn(answer)}`);
    if (answer.inService === false) throw new Failure('ANCHOR_REFUSED', `${url} is out of service`);
    this.#registrationId = answer.registrationId;
  }

  /** It is there; the next probe is due. */
  #heard(intervalMs: number | undefined): void {
    clearTimeout(this.#silence);
    const withinMs = intervalMs === undefined ? firstProbeWithinMs : missedProbes * intervalMs;
    this.#silence = setTimeout(() => this.#lose(`it has not probed us for ${Math.round(withinMs / 1_000)} s`), withinMs);
    this.#silence.unref();
  }

  async #command(body: string, what: string): Promise<void> {
    if (this.#registrationId === '') throw this.#unreachable(`was not asked for ${what}: it has not registered us`);
    const answer = await this.#post(body);
    if (answer?.kind === 'fault' || answer === undefined) throw new Failure('ANCHOR_REFUSED', `${this.#options.url} refused ${what}${reasonIn(answer)}`);
  }

  /** @throws Failure ANCHOR_UNREACHABLE */
  async #post(body: string): Promise<XmfMessage | undefined> {
    const { url, withinMs } = this.#options;
    try {
      const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/soap+xml; charset=utf-8' }, body, redirect: 'error', signal: AbortSignal.timeout(withinMs) });
      const message = readXmf(await textOf(response));
      // A SOAP fault comes with status 500, and says more than that (SOAP 1.2 part 2, section 7.5.2).
      if (typeof message !== 'string') return message;
      if (!response.ok) throw new Error(`status ${response.status}`);
      return undefined;
    } catch (error) {
      const { cause } = error as { cause?: unknown };
      throw this.#unreachable(`does not answer: ${messageOf(cause ?? error)}`, error);
    }
  }

  #named({ callId, connectionId }: ConnectionName): Pick<Connection, 'gateway' | 'callId' | 'connectionId'> {
    return { gateway: this.#options.url, callId, connectionId };
  }

  #header(): { readonly registrationId: string; readonly transactionId: string } {
    return { registrationId: this.#registrationId, transactionId: this.#transaction() };
  }

  #transaction(): string {
    this.#transactions += 1;
    return `${this.#options.name}:${this.#transactions}`;
  }

  #unreachable(why: string, cause?: unknown): Failure {
    return new Failure('ANCHOR_UNREACHABLE', `${this.#options.url} ${why}`, { cause });
  }
}

const nameOf = ({ callId, connectionId }: ConnectionName): string => `${callId} ${connectionId}`;

const reasonIn = (answer: XmfMessage | undefined): string => (answer?.kind === 'fault' ? `: ${answer.reason}` : answer === undefined ? ': its answer is no XMF' : '');

async function textOf({ body }: Response): Promise<string> {
  if (body === null) return '';
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > mostBytes) throw new Error('its answer is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
