/** What a proxy reads in the Route headers of a request that reaches it (RFC 3261 §16.4). Pure. */
import { parseNameAddr } from '../message/name-addr.js';
import { paramOf } from '../message/params.js';
import { headersOf, type RequestText } from '../message/sip-message.js';
import { parseUri } from '../message/uri.js';

type IsOwn = (uri: string) => boolean;

const uriOf = (route: string): string | undefined => {
  const address = parseNameAddr(route);
  return typeof address === 'string' ? undefined : address.uri;
};

const names = (route: string | undefined, isOwn: IsOwn): boolean => {
  const uri = route === undefined ? undefined : uriOf(route);
  return uri !== undefined && isOwn(uri);
};

/** A strict router has put into the Request-URI what we had put into a Record-Route. */
function isStrictlyRouted(request: RequestText, isOwn: IsOwn): boolean {
  const uri = parseUri(request.uri);
  return typeof uri !== 'string' && paramOf(uri.params, 'lr') !== undefined && isOwn(request.uri);
}

/** Whether the route of a request leads through us to somebody else. */
export function isRoutedThrough(request: RequestText, isOwn: IsOwn): boolean {
  const routes = headersOf(request, 'route');
  return routes.length > 0 && (names(routes[0], isOwn) || isStrictlyRouted(request, isOwn));
}

export interface RouteLeft {
  readonly uri: string;
  /** The Route headers still to be followed. */
  readonly routes: readonly string[];
}

/** Undoes what a strict router did, and takes our own entries off the top: two after a change of transport (RFC 5658). */
export function takeRoute(request: RequestText, isOwn: IsOwn): RouteLeft {
  const routes = headersOf(request, 'route');
  let { uri } = request;
  if (isStrictlyRouted(request, isOwn)) uri = uriOf(routes.pop() ?? '') ?? uri;
  while (names(routes[0], isOwn)) routes.shift();
  return { uri, routes };
}
