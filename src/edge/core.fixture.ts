/**
 * For tests: an edge without sockets, on a clock that stands still. What it sends and says is kept; peers are where their
 * Contacts say.
 */
import type { AppSession } from './app/app-session.js';
import { EdgeCore, type EdgeEnvironment } from './edge-core.js';
import { FakeClock } from './fake-clock.fixture.js';
import type { Path, Protocol } from './transport/path.js';
import { TransportHub } from './transport/transport-hub.js';

const LOCAL = { address: '192.0.2.250', port: 5060 };

export interface Sent {
  readonly text: string;
  /** Where it went, as `protocol address:port`. */
  readonly to: string;
}

export interface StandingApp {
  readonly session: AppSession;
  /** Payloads it was sent, without their message ids. */
  readonly told: string[];
  /** Sends a command and returns the first answer to it that came at once. */
  readonly say: (command: string) => string | undefined;
}

/** `names` are the host names that have an address. */
export function standingEdge(names: Readonly<Record<string, string>> = {}, replaced: EdgeEnvironment = {}) {
  const clock = new FakeClock();
  const sent: Sent[] = [];
  const path = (protocol: Protocol, address: string, port: number): Path => ({
    protocol, address, port, local: LOCAL, open: true,
    send: (text) => sent.push({ text, to: `${protocol} ${address}:${port}` }),
  });
  const place = { bound: LOCAL, own: [LOCAL.address], waitMs: () => 0, close: () => Promise.resolve() };
  const hub = new TransportHub(
    [
      { protocol: 'udp', ...place, path: (address, port) => path('udp', address, port) },
      { protocol: 'tcp', ...place, path: (address, port) => path('tcp', address, port), alias: () => undefined },
    ],
    clock,
    {
      addresses: (host, done) => done({ records: names[host] === undefined ? [] : [names[host]] }),
      srv: (_name, done) => done({ records: [] }),
      naptr: (_name, done) => done({ records: [] }),
      close: () => undefined,
    },
  );
  const core = new EdgeCore(hub, { secret: 'secret', natDetection: false }, { clock, ...replaced });
  let commands = 0;

  return {
    clock,
    core,
    sent,
    /** A message from a peer, 192.0.2.1:5060 over UDP if nothing else is said; lines without their ends. */
    receive: (lines: readonly string[], from = path('udp', '192.0.2.1', 5060)) => core.receive(`${lines.join('\r\n')}\r\n\r\n`, from),
    /** An application that has authenticated and takes those verbs. */
    app: (...verbs: readonly string[]): StandingApp => {
      const told: string[] = [];
      const session = core.begin({
        write: (frame) => told.push(frame.slice(frame.indexOf('|') + 1)),
        end: () => undefined,
        authenticated: () => undefined,
      });
      const say = (command: string): string | undefined => {
        const id = `m${(commands += 1)}`;
        const payload = `${id}|${command}`;
        session.receive(`${payload.length}#${payload}`);
        const start = `response|${id}|`;
        return told.find((each) => each.startsWith(start))?.slice(start.length);
      };
      say('authenticate|secret|');
      for (const verb of verbs) say(`route|${verb}`);
      told.length = 0;
      return { session, told, say };
    },
    advance: (ms: number) => {
      const until = clock.now() + ms;
      while (clock.tick(until));
    },
  };
}

/** The answer to a request that the edge has sent; `extra` are further header lines. */
export function answerTo(request: string, status: string, toTag: string, extra: readonly string[] = []): string[] {
  const lines = request.slice(0, request.indexOf('\r\n\r\n')).split('\r\n');
  const kept = lines.filter((line) => /^(?:Via|From|To|Call-ID|CSeq):/u.test(line)).map((line) => (line.startsWith('To:') && toTag !== '' ? `${line};tag=${toTag}` : line));
  return [`SIP/2.0 ${status}`, ...kept, ...extra, 'Content-Length: 0'];
}
