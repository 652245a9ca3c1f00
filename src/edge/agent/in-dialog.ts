/**
 * Requests inside a dialog: where they go and what they look like (RFC 3261 §12.2.1).
 *
 * Leaves to  outgoing-request what becomes of them.
 */
import { routeInDialog, type Dialog } from '../dialog/dialog.js';
import type { Header, RequestText } from '../message/sip-message.js';
import { parseUri, transportOf } from '../message/uri.js';
import type { Path } from '../transport/path.js';
import type { NoPath } from '../transport/transport-hub.js';
import { composeInside } from './compose-request.js';
import type { AgentContext } from './context.js';

/** Finds the path to the dialog's next hop; at once when no name has to be looked up. */
export function pathInDialog(context: Pick<AgentContext, 'hub'>, dialog: Dialog<unknown>, done: (path: Path | NoPath) => void): void {
  const { path } = dialog;
  const { nextHop } = routeInDialog(dialog);
  // A TCP peer is reached on the connection it has, which it may be the only one to be able to open; one
  // behind a NAT where its messages come from.
  if (path.open && (dialog.natted || (path.protocol === 'tcp' && dialog.routes.length === 0))) {
    done(path);
    return;
  }
  const uri = parseUri(nextHop);
  if (typeof uri === 'string') {
    done('no-transport');
    return;
  }
  if (path.protocol === 'tcp' && transportOf(uri) === undefined && uri.host === path.address) {
    done(context.hub.pathTo('tcp', path.address, uri.port ?? 5060) ?? 'no-transport');
    return;
  }
  context.hub.route(uri, done);
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
