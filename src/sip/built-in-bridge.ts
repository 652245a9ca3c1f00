/**
 * A phone's built-in bridge, as Cisco's call manager offers it (BIB): two calls to the recorder, one for each party's
 * voice, which are known by parameters of their From. Pure, total.
 *
 *   From: <sip:7001@cucm;x-nearend;x-refci=27757093;x-nearendclusterid=c1;x-nearendaddr=7001;x-farendaddr=4006>;tag=98
 *
 * Owns       the parameters, wherever in the header they stand.
 * Leaves to  recorder/ who speaks.
 */

export interface BuiltInBridge {
  /** Whose voice this call brings: the recorded phone's own, or the one it hears. */
  readonly side: 'near' | 'far';
  /** Of the recorded phone's call; together with the cluster it is the same in both calls to the recorder. */
  readonly refci: string;
  readonly cluster: string;
  /** URIs; empty when the header does not say. */
  readonly nearUri: string;
  readonly farUri: string;
}

const maxHeaderChars = 4_096;
const parameter = /;\s*(x-[a-z]+)(?:\s*=\s*"?([^;>,"\s]*))?/giu;

/** Undefined for a From that is of no such call. */
export function readBuiltInBridge(from: string): BuiltInBridge | undefined {
  if (from.length > maxHeaderChars) return undefined;
  // A display name may hold anything.
  const address = from.replace(/^\s*"(?:[^"\\]|\\.)*"/u, '');
  const params = new Map<string, string>();
  for (const [, name = '', value = ''] of address.matchAll(parameter)) {
    if (!params.has(name.toLowerCase())) params.set(name.toLowerCase(), value);
  }
  const side = params.has('x-nearend') ? 'near' : params.has('x-farend') ? 'far' : undefined;
  const refci = params.get('x-refci') ?? '';
  if (side === undefined || refci === '') return undefined;
  const [, user = '', host = ''] = /sips?:(?:([^@;>\s]*)@)?(\[[^\]]*\]|[^;>?:\s,]+)/iu.exec(address) ?? [];
  const uriOf = (addr: string): string => (addr === '' ? '' : addr.includes('@') ? `sip:${addr}` : `sip:${addr}@${host}`);
  return {
    side,
    refci,
    cluster: params.get('x-nearendclusterid') || host,
    nearUri: uriOf(params.get('x-nearendaddr') || user),
    farUri: uriOf(params.get('x-farendaddr') ?? ''),
  };
}

/** What pairs both: each has a Session-ID of its own. */
export const bridgedCallOf = ({ refci, cluster }: BuiltInBridge): string => `${refci}@${cluster}`;
