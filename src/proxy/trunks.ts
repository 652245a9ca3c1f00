/** Which trunk a call came from: pure. */
import type { Side } from '../anchor/index.js';
import { encodeSipUri, parseSipUri, SourceSet, type RequestOrigin, type SipUri } from '../sip/index.js';
import { readRewriter, type Rewriter } from './rewrite-number.js';
import type { HeaderChanges, TrunkSettings } from './trunk-settings.js';

export interface Trunk {
  readonly name: string;
  /** Of the anchor's, by which its media is reached; undefined: by the first. */
  readonly network: string | undefined;
  readonly rewrite: Rewriter;
  readonly headers: HeaderChanges;
  /** Sides whose headers command the recording. */
  readonly obeys: readonly Side[];
  /** Whether all that the trunk asks for holds. */
  readonly sends: (origin: RequestOrigin) => boolean;
}

type Matched = Pick<TrunkSettings, 'name' | 'sources' | 'transports' | 'localPorts' | 'tlsIdentities' | 'rewrite' | 'headers'> & Partial<Pick<TrunkSettings, 'recordingControl' | 'network'>>;

/** @param settings checked before. */
export function readTrunks(settings: readonly Matched[]): readonly Trunk[] {
  return settings.map(({ name, sources, transports, localPorts, tlsIdentities, network, rewrite, headers = {}, recordingControl = [] }) => {
    const set = new SourceSet(sources);
    const identities = tlsIdentities?.map((identity) => identity.toLowerCase());
    return {
      name,
      network,
      rewrite: readRewriter(rewrite),
      headers,
      obeys: recordingControl,
      sends: ({ address, transport, localPort, tlsIdentities: proved }) =>
        set.has(address) &&
        transports?.some((each) => each === transport) !== false &&
        localPorts?.some((port) => port === localPort) !== false &&
        identities?.some((identity) => proved.includes(identity)) !== false,
    };
  });
}

/** The first trunk of which all conditions hold. */
export const trunkOf = (trunks: readonly Trunk[], origin: RequestOrigin): Trunk | undefined => trunks.find((trunk) => trunk.sends(origin));

/**
 * The request URI for the next hop: the number and its parameters stay, scheme, host and transport become
 * the next hop's. One that names no host (tel:), or cannot be read, is sent as it is.
 */
export function requestUriFor(uri: string, nextHop: SipUri): string {
  const parsed = parseSipUri(uri);
  if (typeof parsed === 'string' || parsed.scheme === 'tel') return uri;
  const { port: _port, ...rest } = parsed;
  const parameters = new Map([...parsed.params].filter(([name]) => name.toLowerCase() !== 'transport'));
  for (const [name, value] of nextHop.params) parameters.set(name, value);
  return encodeSipUri({ ...rest, scheme: nextHop.scheme, host: nextHop.host, ...(nextHop.port === undefined ? {} : { port: nextHop.port }), params: parameters });
}
