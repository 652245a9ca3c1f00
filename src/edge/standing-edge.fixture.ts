/**
 * For tests: a whole edge on a clock that stands until it is told to go on, and a network that delivers at
 * once. Nothing waits: what has been sent is there, and what is not there was not sent.
 */
import assert from 'node:assert/strict';
import type { Test } from 'tap';
import { encodeFrame, FrameReader } from './app/frame-reader.js';
import type { EdgeOptions } from './edge-options.js';
import { EdgeCore } from './edge-core.js';
import { randomIds, type Ids } from './ids.js';
import { parseMessage } from './message/parse-message.js';
import type { SipMessage, SipRequest, SipResponse } from './message/sip-message.js';
import type { Path, Place, Protocol } from './transport/path.js';
import { standingClock } from './transport/standing-clock.fixture.js';
import { TransportHub, type Transport } from './transport/transport-hub.js';

export { standingClock };
export type StandingClock = ReturnType<typeof standingClock>;

const describe = (message: SipMessage): string => (message.kind === 'request' ? message.method : `${message.status} to ${message.cseq.method}`);

export interface StandingPeer extends Place {
  send(text: string): void;
  /** The next request of a method, out of those not yet taken. */
  request(method: string): SipRequest;
  response(status: number, method?: string): SipResponse;
  /** What has arrived and not been taken. */
  readonly left: string[];
  clear(): void;
}

export interface Told {
  readonly transactionId: string;
  readonly dialogId: string;
  readonly message: SipMessage;
}

export interface StandingApp {
  send(payload: string): void;
  /** The next SIP message told, of a method or status, from the network or by the edge itself. */
  told(what: string | number, source?: 'network' | 'application'): Told;
  /** Answers an incoming request; what was sent, and its dialog. */
  answer(transactionId: string, status: number, options?: { readonly headers?: string; readonly body?: string }): { readonly dialogId: string; readonly text: string };
  /** Sends a request in a dialog, or outside of any; its transaction. */
  ask(method: string, options?: { readonly dialogId?: string; readonly uri?: string; readonly headers?: string; readonly body?: string; readonly transactionId?: string }): string;
  /** The answers to a command under an id of one's own, in order. */
  answers(id: string): readonly (readonly string[])[];
  /** The text of the last NOK or NO. */
  refusal(): string;
  /** What has been told and not been taken. */
  readonly left: string[];
  leave(): void;
}

export interface StandingEdge {
  readonly core: EdgeCore;
  readonly clock: StandingClock;
  peer(port: number, options?: { readonly address?: string; readonly protocol?: Protocol; readonly identity?: readonly string[] }): StandingPeer;
  app(...verbs: string[]): StandingApp;
}

const place = (at: Place): string => `${at.address} ${at.port}`;

export interface StandingOptions extends Partial<Pick<EdgeOptions, 'natDetection' | 'tellTlsIdentity'>> {
  readonly listen?: readonly (Place & { readonly protocol: Protocol })[];
  /** Chance of everything that is left to chance: in the middle unless said otherwise. */
  readonly chance?: number;
}

/** Listens on UDP and TCP at 127.0.0.1:5060. Fails the test that leaves a timer behind it when closed. */
export function openStandingEdge(t: Test, options: StandingOptions = {}): StandingEdge {
  const clock = standingClock();
  const ids: Ids = { ...randomIds, chance: () => options.chance ?? 0.5 };
  const peers = new Map<string, SipMessage[]>();
  const paths = new Map<string, Path>();
  const pathBetween = (protocol: Protocol, local: Place, remote: Place): Path => {
    const key = `${protocol} ${place(local)} ${place(remote)}`;
    const known = paths.get(key);
    if (known !== undefined) return known;
    const path: Path = {
      protocol, address: remote.address, port: remote.port, local, open: true,
      send: (text) => {
        const message = parseMessage(text);
        assert(typeof message !== 'string', `the edge sent what can't be read: ${text}`);
        peers.get(`${protocol} ${place(remote)}`)?.push(message);
      },
    };
    paths.set(key, path);
    return path;
  };
  const listen = options.listen ?? [{ protocol: 'udp', address: '127.0.0.1', port: 5060 }, { protocol: 'tcp', address: '127.0.0.1', port: 5060 }];
  const transports = listen.map(({ protocol, ...local }): Transport => {
    const common = {
      bound: local, own: [local.address], path: (address: string, port: number) => pathBetween(protocol, local, { address, port }), waitMs: () => 0, close: () => Promise.resolve(),
    };
    return protocol === 'udp' ? { ...common, protocol } : { ...common, protocol, alias: () => undefined };
  });
  const core = new EdgeCore(new TransportHub(transports, clock), { secret: 'x', ...options }, { clock, ids });
  t.teardown(() => {
    core.close();
    assert.equal(clock.armed, 0, 'a closed edge has no timers');
  });

  return {
    core,
    clock,
    peer: (port, { address = '127.0.0.1', protocol = 'udp', identity } = {}) => {
      const inbox: SipMessage[] = [];
      peers.set(`${protocol} ${address} ${port}`, inbox);
      const local = listen.find((each) => each.protocol === protocol);
      assert(local !== undefined);
      const path = { ...pathBetween(protocol, { address: local.address, port: local.port }, { address, port }), identity };
      const take = <M extends SipMessage>(what: string, fits: (message: SipMessage) => message is M): M => {
        const at = inbox.findIndex(fits);
        const [message] = at === -1 ? [] : inbox.splice(at, 1);
        assert(message !== undefined && fits(message), `no ${what}; there is: ${inbox.map(describe).join(', ')}`);
        return message;
      };
      return {
        address,
        port,
        send: (text) => core.receive(text, path),
        request: (method) => take(method, (message): message is SipRequest => message.kind === 'request' && message.method === method),
        response: (status, method) =>
          take(`${status}`, (message): message is SipResponse => message.kind === 'response' && message.status === status && (method ?? message.cseq.method) === message.cseq.method),
        get left() {
          return inbox.map(describe);
        },
        clear: () => {
          inbox.length = 0;
        },
      };
    },
    app: (...verbs) => openApp(core, verbs),
  };
}

function openApp(core: EdgeCore, verbs: readonly string[]): StandingApp {
  const reader = new FrameReader();
  const told: (Told & { readonly source: string })[] = [];
  const answered = new Map<string, { readonly tokens: readonly string[]; readonly text: string }[]>();
  let refusal = '';
  const session = core.begin({
    write: (bytes) => {
      for (const payload of reader.push(bytes).payloads) {
        const end = payload.indexOf('\r\n');
        const [, kind, ...tokens] = (end === -1 ? payload : payload.slice(0, end)).split('|');
        const text = end === -1 ? '' : payload.slice(end + 2);
        if (kind === 'response') {
          const [id = '', ...rest] = tokens;
          answered.set(id, [...(answered.get(id) ?? []), { tokens: rest, text }]);
          if (rest[0] !== 'OK') refusal = rest.slice(1).join('|');
          continue;
        }
        const message = parseMessage(text);
        assert(typeof message !== 'string', `an application was told what can't be read: ${text}`);
        told.push({ source: tokens[0] ?? '', transactionId: tokens[6] ?? '', dialogId: tokens[7] ?? '', message });
      }
    },
    end: () => undefined,
    authenticated: () => undefined,
  });
  let commands = 0;
  const send = (payload: string): void => session.receive(encodeFrame(payload));
  const command = (line: string, text: string): { readonly tokens: readonly string[]; readonly text: string } => {
    const id = `c${(commands += 1)}`;
    send(`${id}|${line}\r\n${text}`);
    const answer = answered.get(id)?.at(-1);
    assert(answer !== undefined, `no answer to ${line} ${text.slice(0, 40)}`);
    return answer;
  };
  send('a|authenticate|x|');
  for (const verb of verbs) send(`r|route|${verb}`);
  return {
    send,
    told: (what, source = 'network') => {
      const at = told.findIndex((each) => each.source === source && (each.message.kind === 'request' ? each.message.method : each.message.status) === what);
      const [found] = at === -1 ? [] : told.splice(at, 1);
      assert(found !== undefined, `not told of ${what}; there is: ${told.map(({ message }) => describe(message)).join(', ')}`);
      return found;
    },
    answer: (transactionId, status, { headers = '', body = '' } = {}) => {
      const answer = command(`sip|${transactionId}|`, `SIP/2.0 ${status} Said\r\n${headers === '' ? '' : `${headers}\r\n`}\r\n${body}`);
      return { dialogId: answer.tokens[8] ?? '', text: answer.text };
    },
    ask: (method, { dialogId = '', uri = 'sip:placeholder', headers = '', body = '', transactionId = '' } = {}) => {
      const answer = command(`sip|${transactionId}|${dialogId}`, `${method} ${uri} SIP/2.0\r\n${headers === '' ? '' : `${headers}\r\n`}\r\n${body}`);
      return answer.tokens[0] === 'OK' ? (answer.tokens[7] ?? '') : '';
    },
    answers: (id) => (answered.get(id) ?? []).map(({ tokens }) => tokens),
    refusal: () => refusal,
    get left() {
      return told.map(({ message }) => describe(message));
    },
    leave: () => session.closed(),
  };
}
