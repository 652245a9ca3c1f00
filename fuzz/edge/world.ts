/**
 * A whole edge without sockets, amid peers and applications, all in one thread and all driven by one
 * seed. `run` gives it messages; `settle` stops all input, lets time pass until nothing can be waiting
 * any more, and looks at what is left.
 */
import type { LoadMeter } from '../../src/edge/admission/load-meter.js';
import { EdgeCore } from '../../src/edge/edge-core.js';
import type { Ids } from '../../src/edge/ids.js';
import { parseMessage } from '../../src/edge/message/parse-message.js';
import { openSourceFilter } from '../../src/edge/transport/source-filter.js';
import { TransportHub } from '../../src/edge/transport/transport-hub.js';
import { randomFrom, type Random } from '../mutate.js';
import { FakeClock } from '../../src/edge/fake-clock.fixture.js';
import { Ledger } from './ledger.js';
import { MemoryNetwork } from './memory-network.js';
import { Peers, type Arrival } from './peers.js';
import { Script, SECRET } from './script.js';
import { spoil } from './spoil.js';
import { Recent } from './text.js';

/** Longer than every timer of the edge, one after the other. */
const LONG_MS = 4 * 3_600_000;
/** Few enough that batches meet the bounds. */
const bounds = { maxTransactions: 2_500, maxDialogs: 150 };
/** From elsewhere nothing out of a dialog is heard. */
const sources = ['192.0.2.0/26', '2001:db8::/32'];
const heard = openSourceFilter(sources);
const STRANGER = '192.0.2.66';

/** How branches begin that the edge makes without keeping a transaction. */
const STATELESS = /^z9hG4bKpt[^.]*\.[^.]*\.-/u;

/** Names that count up, all of one length, so that a batch runs the same alone as after others. */
class CountedIds implements Ids {
  count = 0;
  #next = (): string => String((this.count += 1)).padStart(9, '0');
  uuid = (): string => `u${this.#next()}`;
  tag = (): string => `t${this.#next()}`;
  branch = (): string => `z9hG4bKe${this.#next()}`;
  cseq = (): number => (this.count += 1) % 1_000_000;
  chance = (): number => ((this.count += 1) % 10) / 10;
}

export class World {
  readonly #clock = new FakeClock();
  readonly #network = new MemoryNetwork(this.#clock);
  readonly #ids = new CountedIds();
  readonly #ledger = new Ledger();
  readonly #peers = new Peers(this.#network);
  readonly #core: EdgeCore;
  readonly #past = new Recent<Arrival>(32);
  readonly #held = new Recent<Arrival>(16);
  #scripts: Script[] = [];
  #random: Random = () => 0;
  /** One of how many messages is mutated: some batches come to little, so that others come far. */
  #oneIn = 2;
  /** What the thread's load is said to be: in some batches it comes and goes. */
  #load: ReturnType<LoadMeter> = { busy: 0, waitMs: 0, memory: 0 };
  /** What has been given to the edge in this batch, if somebody wants to see it. */
  inputs: string[] | undefined;
  messages = 0;
  mutated = 0;
  /** A throw that came where nobody could catch it. */
  thrown: Error | undefined;

  constructor() {
    const hub = new TransportHub(this.#network.transports, this.#clock, this.#network.lookUps);
    this.#core = new EdgeCore(hub, { secret: SECRET, silentUnless: sources }, { clock: this.#clock, ids: this.#ids, load: () => this.#load, ...bounds });
    this.#network.sent = (text, path) => {
      if (text.startsWith('SIP/2.0 ') && text.includes('INVITE')) this.#ledger.responded(text);
      this.#peers.got(text, path);
    };
  }

  get invites(): number {
    return this.#ledger.invites;
  }

  /** What is wrong already. */
  get wrong(): string | undefined {
    if (this.thrown !== undefined) return `thrown in a microtask: ${this.thrown.stack ?? this.thrown.message}`;
    return this.#ledger.wrong;
  }

  /** Begins a batch: peers and applications are new, the edge is the same. */
  begin(seed: number): void {
    // Neighbouring seeds must not give neighbouring numbers.
    this.#random = randomFrom(Math.imul(seed + 1, 0x9e37_79b1) ^ 0x5bd1_e995);
    this.#oneIn = [2, 4, 12][this.#random(3)] ?? 2;
    this.#load = [{ busy: 0, waitMs: 0, memory: 0.85 }, { busy: 1, waitMs: 150, memory: 0.1 }][this.#random(8)] ?? { busy: 0, waitMs: 0, memory: 0.1 };
    this.#ids.count = 100_000_000;
    this.#network.reset();
    this.#network.random = this.#random;
    this.#peers.reset(this.#random);
    this.#ledger.clear();
    this.#past.clear();
    this.#held.clear();
    let commands = 0;
    const context = {
      ledger: this.#ledger,
      begin: this.#core.begin.bind(this.#core),
      someUri: () => this.#peers.someUri(),
      newId: () => `m${(commands += 1)}`,
      spoilt: (payload: string) => this.#spoilCommand(payload),
    };
    this.#scripts = [0, 1, 2].map(() => new Script(context, this.#random));
  }

  /** One step: a message, mostly. True when microtasks must run before the next. */
  step(): boolean {
    const random = this.#random;
    const dice = random(10_000);
    if (dice < 4_500) this.#arrive(this.#peers.next());
    else if (dice < 5_200) this.#again();
    else if (dice < 9_500) this.#act();
    else if (dice < 9_950) this.#pass([1, 20, 200, 600, 4_000][random(5)] ?? 1);
    else if (dice < 9_952) this.#pass([33_000, 66_000, 200_000, 1_000_000][random(4)] ?? 1);
    else if (dice < 9_960) this.#network.breakOne();
    else this.#network.tellLate();
    return this.#network.takeFailed();
  }

  /** Fires what is due in the given time, or up to the first send that fails. */
  #pass(ms: number): void {
    const until = this.#clock.now() + ms;
    this.#note(() => `${ms} ms pass`);
    while (this.#clock.tick(until) && !this.#network.failing);
  }

  /** Stops all input, and gives what is under way its time. Says what should not be left, or nothing. */
  async settle(): Promise<string | undefined> {
    await this.#rest();
    const { transactions } = this.#core.stats();
    const left = this.wrong ?? this.#ledger.owed() ?? (transactions > 0 ? `${transactions} transactions never end` : undefined)
      ?? (this.#scripts.some((script) => script.behind) ? 'an application counts as behind, though nothing is asked of it' : undefined)
      ?? (this.#core.pending > 0 ? `${this.#core.pending} entries stay in the registers of calls` : undefined);
    if (left !== undefined) return left;
    for (const script of this.#scripts) script.leave();
    await this.#rest();
    const stats = this.#core.stats();
    const counts = { transactions: stats.transactions, pending: this.#core.pending, dialogs: stats.dialogs, timers: this.#clock.armed };
    return this.wrong ?? (Object.values(counts).some((count) => count > 0) ? `left when everybody has gone: ${JSON.stringify(counts)}` : undefined);
  }

  async #rest(): Promise<void> {
    this.#network.tellLate();
    const until = this.#clock.now() + LONG_MS;
    do if (this.#network.takeFailed()) await Promise.resolve();
    while (this.#clock.tick(until));
  }

  #arrive(arrival: Arrival | undefined): void {
    if (arrival === undefined) return;
    const random = this.#random;
    let { text } = arrival;
    this.#past.add(arrival);
    if (random(this.#oneIn) === 0) {
      this.mutated += 1;
      const dice = random(20);
      if (dice === 0) {
        // Overtaken by what comes after it.
        this.#held.add(arrival);
        return;
      }
      text = spoil(text, this.#past.any(random)?.text ?? '', random);
    }
    this.#receive(text, arrival.path);
  }

  /** Something that was sent before, or held back. */
  #again(): void {
    const random = this.#random;
    const arrival = this.#held.take(random) ?? this.#past.any(random);
    if (arrival === undefined) return;
    this.mutated += 1;
    this.#receive(arrival.text, random(16) === 0 ? this.#network.datagram(STRANGER, 5060) : arrival.path);
  }

  #receive(text: string, path: Arrival['path']): void {
    this.messages += 1;
    this.#note(() => `${path.protocol} ${path.address}:${path.port}${path.open ? '' : ' (closed)'}\n${text}`);
    const message = text.includes('INVITE') ? parseMessage(text) : undefined;
    if (typeof message === 'string' || (message?.kind === 'response' && STATELESS.test(message.via.branch))) {
      // What can't be read may look like an INVITE that is known; a response that only passes through, like one to it.
      this.#ledger.arriving(undefined);
      this.#core.receive(text, path);
      this.#ledger.notArrived();
      return;
    }
    if (message?.kind !== 'request' || message.method !== 'INVITE') {
      this.#core.receive(text, path);
      return;
    }
    const before = this.#core.transactions;
    this.#ledger.arriving(message);
    this.#core.receive(text, path);
    this.#ledger.arrived(message, text, {
      grown: this.#core.transactions > before, full: before >= bounds.maxTransactions, unheard: !heard(path.address),
    });
  }

  #act(): void {
    const random = this.#random;
    const script = this.#scripts[random(this.#scripts.length)];
    if (script === undefined) return;
    const dice = random(3_000);
    if (script.gone) {
      if (random(4) === 0) script.comeBack();
    } else if (dice === 0) {
      this.#note(() => 'an application disconnects');
      script.leave();
    } else if (dice === 1) {
      this.messages += 1;
      this.mutated += 1;
      script.rave(spoil('44#id|sip||\r\nOPTIONS sip:x@192.0.2.1 SIP/2.0\r\n\r\n3#a|b', '', random));
      if (random(2) === 0) script.leave();
    } else script.act();
  }

  #spoilCommand(payload: string): string {
    const random = this.#random;
    this.messages += 1;
    let spoilt = payload;
    if (random(this.#oneIn + 1) === 0 && !payload.includes('|authenticate|')) {
      this.mutated += 1;
      // Mostly the SIP message alone: a command line that can't be followed ends the connection.
      const from = payload.indexOf(random(12) === 0 ? '|' : '\n') + 1;
      if (from > 0) spoilt = payload.slice(0, from) + spoil(payload.slice(from), this.#past.any(random)?.text ?? '', random);
    }
    this.#note(() => `command\n${spoilt}`);
    return spoilt;
  }

  #note(write: () => string): void {
    this.inputs?.push(write());
  }
}
