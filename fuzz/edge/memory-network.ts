/**
 * The edge's transports without sockets: what it sends is handed to `sent`, and now and then fails, at
 * once or later. Names resolve by what they are called.
 */
import type { LookUps } from '../../src/edge/transport/look-ups.js';
import type { Path, SendFailure } from '../../src/edge/transport/path.js';
import type { Transport } from '../../src/edge/transport/transport-hub.js';
import type { Random } from '../mutate.js';
import type { FakeClock } from '../../src/edge/fake-clock.fixture.js';

export const EDGE = '192.0.2.250';
const PORT = 5060;
const local = { address: EDGE, port: PORT };
const bound = { bound: local, own: [EDGE] } as const;

/** A path whose far end is in this process. */
interface MemoryPath extends Path {
  open: boolean;
}

export class MemoryNetwork {
  random: Random = () => 0;
  sent: (text: string, path: Path) => void = () => undefined;
  #failed = false;
  readonly #datagram = new Map<string, MemoryPath>();
  readonly #connections = new Map<string, MemoryPath>();
  /** Peers whose connection broke: what is still owed to them goes by a new one. */
  readonly #cutOff = new Set<string>();
  /** Failures that are still to be told, by path. */
  readonly #late: { readonly path: MemoryPath; readonly failed: SendFailure }[] = [];

  constructor(private readonly clock: FakeClock) {}

  readonly transports: readonly Transport[] = [
    { protocol: 'udp', ...bound, path: (address, port) => this.datagram(address, port), waitMs: () => 0, close: () => Promise.resolve() },
    {
      protocol: 'tcp',
      ...bound,
      path: (address, port) => this.#connections.get(`${address} ${port}`) ?? (this.random(40) === 0 ? this.#refused(address, port) : this.connection(address, port)),
      alias: () => undefined,
      waitMs: () => 0,
      close: () => Promise.resolve(),
    },
  ];

  /** Names that begin with `ok` have an address, `late` ones after a while, `lost` ones never; others have none. */
  readonly lookUps: LookUps = {
    addresses: (host, done) => {
      if (host.startsWith('ok')) done({ records: ['192.0.2.2', '2001:db8::2'] });
      else if (host.startsWith('late')) this.clock.after(700, () => done({ records: ['192.0.2.3'] }));
      else if (!host.startsWith('lost')) done({ records: [] });
    },
    srv: (_name, done) => done({ records: [] }),
    naptr: (_name, done) => done({ records: [] }),
    close: () => undefined,
  };

  datagram(address: string, port: number): Path {
    const key = `${address} ${port}`;
    let path = this.#datagram.get(key);
    if (path === undefined) {
      path = this.#path('udp', address, port);
      this.#datagram.set(key, path);
    }
    return path;
  }

  /** The connection to a peer, opened by either side. */
  connection(address: string, port: number): Path {
    const key = `${address} ${port}`;
    let path = this.#connections.get(key);
    if (path === undefined) {
      path = this.#path('tcp', address, port);
      this.#connections.set(key, path);
    }
    return path;
  }

  /** Breaks one of the open connections. */
  breakOne(): void {
    const keys = [...this.#connections.keys()];
    const key = keys[this.random(Math.max(1, keys.length))];
    const path = key === undefined ? undefined : this.#connections.get(key);
    if (key === undefined || path === undefined) return;
    this.#connections.delete(key);
    path.open = false;
    this.#cutOff.add(path.address);
    this.#tell((each) => each.path === path, 'closed');
  }

  /** Tells what has failed and was not told yet. */
  tellLate(): void {
    this.#tell(() => true, 'EHOSTUNREACH');
  }

  /** Whether microtasks are waiting to hear of a failure. */
  get failing(): boolean {
    return this.#failed;
  }

  takeFailed(): boolean {
    const failed = this.#failed;
    this.#failed = false;
    return failed;
  }

  /** Forgets every path: the next batch starts as the first. */
  reset(): void {
    this.#datagram.clear();
    this.#connections.clear();
    this.#cutOff.clear();
    this.#late.length = 0;
  }

  /**
   * A connection that can't be had: none at all, or to a peer whose own broke one that closes at once, so that
   * what the edge still owes it is seen to be sent.
   */
  #refused(address: string, port: number): MemoryPath | undefined {
    if (!this.#cutOff.has(address)) return undefined;
    const path = this.#path('tcp', address, port);
    path.open = false;
    return path;
  }

  #path(protocol: 'udp' | 'tcp', address: string, port: number): MemoryPath {
    const path: MemoryPath = {
      protocol, address, port, local, open: true,
      send: (text, failed) => {
        this.sent(text, path);
        if (path.open && this.random(64) !== 0) return;
        if (!path.open || this.random(2) === 0) {
          this.#failed = true;
          failed(path.open ? 'ECONNREFUSED' : 'closed');
        } else if (this.#late.length < 64) this.#late.push({ path, failed });
      },
    };
    return path;
  }

  #tell(which: (late: { readonly path: MemoryPath }) => boolean, cause: string): void {
    for (const late of this.#late.splice(0)) {
      if (which(late)) {
        this.#failed = true;
        late.failed(cause);
      } else this.#late.push(late);
    }
  }
}
