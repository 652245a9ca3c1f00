/**
 * Requests inside a dialog: where they go and what they look like (RFC 3261 §12.2.1).
 *
 * Leaves to  outgoing-request what becomes of them.
 */
import { routeInDialog, type Dialog } from '../dialog/dialog.js';
import type { Header, RequestText } from '../message/sip-message.js';
import { parseUri, transportOf } from '../message/uri.js';
import { defaultPort, isReliable, type Path } from '../transport/path.js';
import type { Hop } from '../transport/server-location.js';
import type { NoPath } from '../transport/transport-hub.js';
import { composeInside } from './compose-request.js';
import type { AgentContext } from './context.js';

/** Finds the places to try for the dialog's next hop; at once when no name has to be looked up. */
export function hopsInDialog(context: Pick<AgentContext, 'hub'>, dialog: Dialog<unknown>, done: (hops: readonly Hop[] | NoPath) => void): void {
  const { path } = dialog;
  const { nextHop } = routeInDialog(dialog);
  const { protocol, address } = path;
  // A peer on a connection is reached on it, for it may be the only one to be able to open one; one behind
  // a NAT where its messages come from.
  if (path.open && (dialog.natted || (isReliable(path) && dialog.routes.length === 0))) {
    done([{ protocol, address, port: path.port, name: address, free: false, path }]);
    return;
  }
  const uri = parseUri(nextHop);
  if (typeof uri === 'string') {
    done('no-transport');
    return;
  }
  if (isReliable(path) && transportOf(uri) === undefined && uri.host === address) {
    done([{ protocol, address, port: uri.port ?? defaultPort(protocol), name: address, free: false }]);
    return;
  }
  context.hub.hops(uri, done);
}

/** The path to the first of them; for what is sent once and left to its fate. */
export function pathInDialog(context: Pick<AgentContext, 'hub'>, dialog: Dialog<unknown>, done: (path: Path | NoPath) => void): void {
  hopsInDialog(context, dialog, (hops) => done(typeof hops === 'string' ? hops : context.hub.firstPath(hops)));
}

export interface InDialogWish {
  readonly method: string;
  readonly headers: readonly Header[];
  readonly body: string;
}

/** The request as it leaves; `cseq` has been taken from the dialog by the caller. */
export function requestInDialog(
  context: Pick<AgentContext, 'layer'>, dialog: Dialog<unknown>, wish: InDialogWish, cseq: number, branch: string, path: Path,
): RequestText | 'missing content-type' {
  const routed = routeInDialog(dialog);
  return composeInside(
    {
      method: wish.method,
      uri: routed.uri,
      routes: routed.routes,
      from: dialog.local,
      to: dialog.remote,
      callId: dialog.callId,
      cseq: `${cseq} ${wish.method}`,
      contact: dialog.contact,
      via: context.layer.viaFor(path, branch),
    },
    wish,
    path,
  );
}
