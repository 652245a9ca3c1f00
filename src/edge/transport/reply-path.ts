/**
 * The way of responses back to a peer on a connection (RFC 3261 §18.2.2, RFC 3263 §5): the connection that
 * the request came by; when that is gone, one to the address it came from at the port of its Via; when
 * that can't be had, wherever the name in the Via leads.
 */
import { isIP } from 'node:net';
import type { Hop } from './server-location.js';
import { defaultPort, type Path } from './path.js';

/** Where the Via of a request says that its sender listens. */
export interface SentBy {
  readonly host: string;
  readonly port: number | undefined;
}

export interface ReplyWays {
  /** A connection to that place that is open, or a new one to the peer of that name. */
  readonly connect: (place: Pick<Hop, 'protocol' | 'address' | 'port' | 'name'>) => Path | undefined;
  /** The places that a name stands for. */
  readonly locate: (sentBy: SentBy, done: (hops: readonly Hop[]) => void) => void;
}

/** Places tried for one response beyond the connection it belongs to. */
const MAX_PLACES = 3;

export function replyPath(came: Path, sentBy: SentBy, ways: ReplyWays): Path {
  let current = came;

  const sendTo = (hops: readonly Hop[], text: string, failed: (cause: string) => void, cause: string): void => {
    const [hop, ...rest] = hops;
    if (hop === undefined) {
      failed(cause);
      return;
    }
    const path = ways.connect(hop);
    if (path === undefined) sendTo(rest, text, failed, cause);
    else {
      current = path;
      path.send(text, (why) => sendTo(rest, text, failed, why));
    }
  };

  return {
    protocol: came.protocol,
    address: came.address,
    port: came.port,
    local: came.local,
    get open() {
      return current.open;
    },
    get identity() {
      return current.identity;
    },
    send: (text, failed) => {
      const byName = (cause: string): void => {
        // An address that is not the one it came from is one behind a NAT, and leads nowhere.
        if (isIP(sentBy.host) !== 0) failed(cause);
        else ways.locate(sentBy, (hops) => sendTo(hops.slice(0, MAX_PLACES), text, failed, cause));
      };
      const anew = (cause: string): void => {
        const again = ways.connect({ protocol: came.protocol, address: came.address, port: sentBy.port ?? defaultPort(came.protocol), name: sentBy.host });
        if (again === undefined) {
          byName(cause);
          return;
        }
        current = again;
        again.send(text, byName);
      };
      if (!current.open) anew('closed');
      else current.send(text, current === came ? anew : failed);
    },
  };
}
