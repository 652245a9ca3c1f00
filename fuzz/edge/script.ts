/**
 * One application: it authenticates, registers, and does with what it is given what its dice say:
 * answers, rejects, rings, proxies, ties two calls, subscribes, ignores, answers late, goes away.
 */
import assert from 'node:assert/strict';
import type { AppSession, Wire } from '../../src/edge/app/app-session.js';
import type { Random } from '../mutate.js';
import type { Ledger } from './ledger.js';
import { fieldOf, Recent } from './text.js';

export const SECRET = 'secret';
const verbs = ['invite', 'options', 'message', 'subscribe', 'refer', 'register', 'info', 'notify', 'publish', 'foo'];
const SDP = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n';

/** Something the edge has delivered. */
interface Task {
  readonly transactionId: string;
  readonly dialogId: string;
  readonly text: string;
  seen: number;
}

export interface ScriptContext {
  readonly ledger: Ledger;
  readonly begin: (wire: Wire) => AppSession;
  readonly someUri: () => string;
  readonly newId: () => string;
  /** May change a payload behind its message id, or the whole frame. */
  readonly spoilt: (payload: string) => string;
}

export class Script {
  #session: AppSession;
  /** It, or the edge, has had enough; and the connection is gone. */
  #ended = false;
  #left = false;
  /** Whether what it sent may have been no frame: nothing is judged until it connects again. */
  #raved = false;
  readonly #tasks = new Recent<Task>(128);
  readonly #transactions = new Recent<string>(16);
  readonly #sent = new Recent<string>(16);
  readonly #dialogs = new Recent<string>(16);
  /** What each message id asked, where the answer's transaction is of interest: the call it is tied to. */
  readonly #ties = new Map<string, string>();
  /** Transactions of ours, by the peer's transaction that each serves. */
  readonly #legs = new Map<string, string>();

  constructor(private readonly context: ScriptContext, private readonly random: Random) {
    this.#session = this.#connect();
  }

  get gone(): boolean {
    return this.#ended;
  }

  get behind(): boolean {
    return !this.#ended && this.#session.application.promptness.behind;
  }

  /** The connection ends: from its side, or because the edge has refused something. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#ended = true;
    this.#session.closed();
    this.context.ledger.gone(this);
  }

  comeBack(): void {
    this.leave();
    this.#raved = false;
    this.#ended = false;
    this.#left = false;
    this.#session = this.#connect();
  }

  #connect(): AppSession {
    const session = this.context.begin({
      write: (text) => this.#got(text),
      end: () => {
        this.#ended = true;
      },
      authenticated: () => undefined,
    });
    this.#session = session;
    if (this.random(8) === 0) this.#say(this.random(2) === 0 ? 'authenticate|wrong|' : 'route|invite');
    this.#say(`authenticate|${SECRET}|tag`);
    for (const verb of verbs) if (this.random(8) !== 0) this.#say(`route|${verb}`);
    return session;
  }

  #got(frame: string): void {
    const hash = frame.indexOf('#');
    assert.equal(Number(frame.slice(0, hash)), frame.length - hash - 1, 'a frame says its length');
    const lineEnd = frame.indexOf('\r\n');
    const tokens = (lineEnd === -1 ? frame : frame.slice(0, lineEnd)).split('|');
    if (tokens[1] === 'response') {
      const id = tokens[2] ?? '';
      if (!this.#raved) this.context.ledger.answered(id, tokens.at(-1) !== 'continue');
      const tie = this.#ties.get(id);
      if (tie === undefined) return;
      this.#ties.delete(id);
      const own = tokens[10] ?? '';
      if (tokens[3] !== 'OK' || own === '') return;
      this.#sent.add(own);
      if (tie !== '' && this.#legs.size < 256) this.#legs.set(own, tie);
      return;
    }
    assert.equal(tokens[1], 'sip');
    const task = { transactionId: tokens[8] ?? '', dialogId: tokens[9] ?? '', text: frame.slice(lineEnd + 2), seen: 0 };
    assert.equal(Number(tokens[3]), task.text.length, 'a message says its length');
    this.#tasks.add(task);
    if (task.dialogId !== '') this.#dialogs.add(task.dialogId);
  }

  /** Its next frame, however it comes to it; false when there is nothing to say. */
  act(): boolean {
    const { random } = this;
    if (random(5) === 0) return this.#ofItself();
    const task = this.#tasks.take(random);
    if (task === undefined) return this.#ofItself();
    task.seen += 1;
    return task.text.startsWith('SIP/2.0 ') ? this.#answered(task) : this.#asked(task);
  }

  /** A request was delivered. */
  #asked(task: Task): boolean {
    const { random } = this;
    const { text, transactionId } = task;
    const method = text.slice(0, text.indexOf(' '));
    this.#transactions.add(transactionId);
    if (method === 'ACK') return false;
    if (method === 'CANCEL') return random(3) === 0 && this.#respond(task, 487, '');
    const dice = random(100);
    if (method === 'BYE' && dice < 80) return this.#respond(task, 200, '');
    if (dice < 8) return false;
    if (dice < 24) {
      if (task.seen < 3) this.#tasks.add(task);
      return this.#respond(task, method === 'INVITE' ? [180, 183, 100][random(3)] ?? 180 : 100, random(3) === 0 ? 'Require: 100rel\r\n' : '');
    }
    if (dice < 44 && task.dialogId === '') return this.#proxy(task, method);
    if (dice < 60 && method === 'INVITE' && task.dialogId === '') return this.#callOut('INVITE', transactionId);
    if (dice < 70) return this.#respond(task, [302, 403, 404, 486, 600][random(5)] ?? 404, '');
    return this.#respond(task, random(10) === 0 ? 202 : 200, random(6) === 0 ? 'Contact: <sip:app@localhost>\r\n' : random(8) === 0 ? 'Session-Expires: 90;refresher=uac\r\n' : '');
  }

  /** A response to a request of its own. */
  #answered(task: Task): boolean {
    const { random } = this;
    const { text, dialogId, transactionId } = task;
    const status = Number(text.slice(8, 11));
    const cseq = fieldOf(text, 'CSeq');
    const tied = this.#legs.get(transactionId);
    if (status < 200) {
      if (text.includes('\r\nRSeq: ') && random(3) !== 0) return this.#say(`sip||${dialogId}|\r\nPRACK sip:placeholder SIP/2.0\r\nRAck: ${fieldOf(text, 'RSeq')} ${cseq}\r\n\r\n`);
      return tied !== undefined && this.#say(`sip|${tied}|\r\nSIP/2.0 ${status} Ringing\r\n\r\n`);
    }
    if (tied !== undefined) {
      this.#legs.delete(transactionId);
      this.#say(`sip|${tied}|\r\nSIP/2.0 ${status} Tied\r\n${status < 300 ? `\r\n${SDP}` : '\r\n'}`);
    }
    return cseq.endsWith('INVITE') && random(8) !== 0 && this.#say(`sip||${dialogId}|\r\nACK sip:placeholder SIP/2.0\r\n\r\n${random(6) === 0 ? SDP : ''}`);
  }

  #respond(task: Task, status: number, headers: string): boolean {
    const body = status === 200 && task.text.startsWith('INVITE') ? SDP : '';
    return this.#say(`sip|${task.transactionId}|\r\nSIP/2.0 ${status} Said\r\n${headers}call-id: ${fieldOf(task.text, 'Call-ID')}\r\n\r\n${body}`);
  }

  #proxy(task: Task, method: string): boolean {
    const { random, context } = this;
    const targets = Array.from({ length: 1 + random(3) }, () => context.someUri());
    const time = (): string => (random(3) !== 0 ? '' : ['0ms', '900ms', '5s', '40s'][random(4)] ?? '');
    return this.#say(
      `proxy|${task.transactionId}|${random(2) === 0 ? 'remainInDialog' : ''}|${random(4) === 0 ? '' : 'fullResponse'}|${random(2) === 0 ? 'followRedirects' : ''}` +
      `|${random(2) === 0 ? 'simultaneous' : 'serial'}|${time()}|${time()}|${targets.join('|')}\r\n${method} ${targets[0] ?? ''} SIP/2.0\r\nX-Proxied: yes\r\n\r\n`,
    );
  }

  #callOut(method: string, tie: string): boolean {
    const { random, context } = this;
    const uri = context.someUri();
    const id = context.newId();
    this.#ties.set(id, tie);
    const headers = `${random(3) === 0 ? 'from: <sip:me@localhost>\r\n' : ''}${method === 'REFER' ? 'Refer-To: <sip:x@y>\r\n' : ''}${method === 'SUBSCRIBE' ? 'Event: presence\r\nExpires: 60\r\n' : ''}${random(4) === 0 ? 'Session-Expires: 90\r\n' : ''}`;
    return this.#say(`sip|||${random(6) === 0 ? context.someUri() : ''}\r\n${method} ${uri} SIP/2.0\r\n${headers}\r\n${method === 'INVITE' ? SDP : ''}`, id);
  }

  #ofItself(): boolean {
    const { random } = this;
    const dice = random(100);
    if (dice < 35) return this.#callOut(['INVITE', 'INVITE', 'OPTIONS', 'MESSAGE', 'SUBSCRIBE', 'REFER', 'REGISTER', 'FOO'][random(8)] ?? '', '');
    if (dice < 65) {
      const dialogId = this.#dialogs.any(random);
      if (dialogId === undefined) return false;
      const method = ['BYE', 'BYE', 'INVITE', 'UPDATE', 'INFO', 'NOTIFY', 'REFER', 'SUBSCRIBE', 'PRACK', 'ACK'][random(10)] ?? '';
      const id = this.context.newId();
      this.#ties.set(id, '');
      return this.#say(`sip||${dialogId}|\r\n${method} sip:placeholder SIP/2.0\r\n${method === 'NOTIFY' ? `Subscription-State: ${random(2) === 0 ? 'terminated' : 'active'}\r\n` : ''}\r\n`, id);
    }
    if (dice < 80) {
      const own = this.#sent.any(random);
      return own !== undefined && this.#say(`sip|${own}|\r\nCANCEL sip:x SIP/2.0\r\nReason: SIP;cause=1\r\n\r\n`);
    }
    if (dice < 92) {
      const transactionId = this.#transactions.any(random);
      return transactionId !== undefined && this.#say(`sip|${transactionId}|\r\nSIP/2.0 ${[180, 200, 486][random(3)]} Again\r\n\r\n`);
    }
    return this.#say(dice < 96 ? 'ping' : dice < 98 ? `remove_route|${verbs[random(verbs.length)]}` : `route|${verbs[random(verbs.length)]}`);
  }

  /** Sends one command, whole or in two pieces. */
  #say(command: string, id = this.context.newId()): boolean {
    if (this.#ended) return false;
    const payload = this.context.spoilt(`${id}|${command}`);
    const frame = `${payload.length}#${payload}`;
    // Whatever follows the id, it is a command that is owed one answer.
    if (!this.#raved) this.context.ledger.asked(id, this);
    const cut = this.random(16) === 0 ? this.random(frame.length) : frame.length;
    this.#session.receive(frame.slice(0, cut));
    if (cut < frame.length) this.#session.receive(frame.slice(cut));
    return true;
  }

  /** Bytes that may be no frames at all: those that follow may be cut anywhere, and so may their ids. */
  rave(bytes: string): void {
    this.#raved = true;
    this.context.ledger.gone(this);
    this.#session.receive(bytes);
  }
}
