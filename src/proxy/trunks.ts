/** Which trunk a call came from and where it goes: pure. */
import type { Side } from '../anchor/index.js';
import { encodeSipUri, parseSipUri, SourceSet, type SipUri } from '../sip/index.js';
import type { TrunkSettings } from './settings.js';

export interface Trunk {
  readonly name: string;
  readonly nextHop: SipUri;
  /** The same, as the configuration has it. */
  readonly nextHopText: string;
  readonly sources: SourceSet;
  /** Sides whose headers command the recording. */
  readonly obeys: readonly Side[];
}

/** @param settings checked before: a next hop that is no SIP URI is a bug here. */
export function readTrunks(settings: readonly Pick<TrunkSettings, 'name' | 'sources' | 'nextHop' | 'recordingControl'>[]): readonly Trunk[] {
  return settings.map(({ name, sources, nextHop, recordingControl }) => {
    const uri = parseSipUri(nextHop);
    if (typeof uri === 'string') throw new TypeError(`next hop of trunk ${name}: ${uri}`);
    return { name, nextHop: uri, nextHopText: nextHop, sources: new SourceSet(sources), obeys: recordingControl };
  });
}

/** The first trunk whose sources hold the address. */
export const trunkOf = (trunks: readonly Trunk[], sourceAddress: string): Trunk | undefined =>
  trunks.find((trunk) => trunk.sources.has(sourceAddress));

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
