/**
 * The messages of Cisco's Extended Media Forking (XMF), a provider of the Unified Communications Gateway Services API:
 * SOAP 1.2 over HTTP, both ways. Pure; any text can be read.
 *
 * Names and order of elements are those of Cisco's "Unified Communications Gateway Services API Guide", XMF provider;
 * namespaces and examples those of its CUBE configuration guide, "Network based Recording".
 */
import { element, readXml, type XmlElement, type XmlReject } from '../../sip/index.js';

const soap = 'http://www.w3.org/2003/05/soap-envelope';
const xmf = 'http://www.cisco.com/schema/cisco_xmf/v1_0';

/** Seen from the gateway: `incoming` is a connection by which a call came to it. */
export type ConnectionDirection = 'incoming' | 'outgoing';

/** One leg of a call at a gateway. */
export interface ConnectionName {
  readonly callId: string;
  readonly connectionId: string;
}

interface Told {
  /** Empty where there is none. */
  readonly registrationId: string;
  readonly transactionId: string;
}

export type XmfMessage = Told &
  (
    | (ConnectionName & { readonly kind: 'connected'; readonly guids: readonly string[]; readonly direction: ConnectionDirection | undefined })
    | (ConnectionName & { readonly kind: 'disconnected' })
    | (ConnectionName & { readonly kind: 'forking'; readonly state: string })
    /** Whether we are there. `registered`: whether the gateway holds us for registered. */
    | { readonly kind: 'probing'; readonly sequence: string; readonly intervalMs: number | undefined; readonly registered: boolean }
    | { readonly kind: 'provider-leaves' }
    | { readonly kind: 'status'; readonly inService: boolean }
    | { readonly kind: 'response'; readonly name: string; readonly inService: boolean | undefined }
    | { readonly kind: 'fault'; readonly reason: string }
    | { readonly kind: 'other'; readonly name: string }
  );

export function readXmf(text: string): XmfMessage | XmlReject {
  const envelope = readXml(text);
  if (typeof envelope === 'string') return envelope;
  const message = child(envelope, 'body')?.children[0];
  if (message === undefined) return 'malformed';
  const told: Told = { registrationId: at(message, 'msgheader', 'registrationid'), transactionId: at(message, 'msgheader', 'transactionid') };
  const connection: ConnectionName = { callId: at(message, 'calldata', 'callid'), connectionId: at(message, 'conndata', 'connid') };
  switch (message.name) {
    case 'notifyxmfconnectiondata': return { ...told, ...connectionEvent(connection, child(message, 'event')) };
    case 'solicitxmfprobing':
      return {
        ...told, kind: 'probing', sequence: at(message, 'sequence'), intervalMs: readDuration(at(message, 'interval')), registered: at(message, 'registered').toLowerCase() !== 'false',
      };
    case 'solicitxmfproviderunregister': return { ...told, kind: 'provider-leaves' };
    case 'notifyxmfproviderstatus': return { ...told, kind: 'status', inService: isInService(at(message, 'providerstatus')) ?? false };
    case 'fault': return { ...told, kind: 'fault', reason: faultOf(message) };
    default:
      if (!message.name.startsWith('response')) return { ...told, kind: 'other', name: message.name };
      return { ...told, kind: 'response', name: message.name, inService: isInService(at(message, 'providerstatus')) };
  }
}

function connectionEvent(connection: ConnectionName, event: XmlElement | undefined): ConnectionName &
  ({ kind: 'connected'; guids: string[]; direction: ConnectionDirection | undefined } | { kind: 'disconnected' } | { kind: 'forking'; state: string } | { kind: 'other'; name: string }) {
  const what = event?.children[0];
  switch (what?.name) {
    case 'connected': {
      const detail = child(what, 'conndetaildata');
      const [guid, alternative, direction] = ['guid', 'guidaltformat', 'conndirectiontype'].map((name) => at(detail, name));
      return {
        ...connection, kind: 'connected', guids: [guid, alternative].filter((text): text is string => text !== undefined && text !== ''),
        direction: direction === 'INCOMING' ? 'incoming' : direction === 'OUTGOING' ? 'outgoing' : undefined,
      };
    }
    case 'disconnected': return { ...connection, kind: 'disconnected' };
    case 'mediaforking': return { ...connection, kind: 'forking', state: at(what, 'mediaforkingstate') };
    default: return { ...connection, kind: 'other', name: what?.name ?? '' };
  }
}

const child = (parent: XmlElement | undefined, name: string): XmlElement | undefined => parent?.children.find((one) => one.name === name);

/** The text at the end of a way through children; empty where there is none. */
const at = (from: XmlElement | undefined, ...names: readonly string[]): string => names.reduce<XmlElement | undefined>(child, from)?.text ?? '';

/** Undefined where it says nothing of it. */
const isInService = (status: string): boolean | undefined => (status === '' ? undefined : status.toUpperCase() === 'IN_SERVICE');

const faultOf = (fault: XmlElement): string => at(fault, 'reason', 'text') || at(fault, 'faultstring') || at(fault, 'code', 'value') || 'no reason is given';

/** XML Schema `duration`, as far as a probing interval needs: `PT5S`, `PT1M30S`; or a plain number of seconds. */
function readDuration(text: string): number | undefined {
  const [, hours, minutes, seconds, plain] = /^(?:PT(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,7})(?:\.\d+)?S)?|(\d{1,7}))$/u.exec(text.trim()) ?? [];
  const total = Number(plain ?? 0) + Number(hours ?? 0) * 3_600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0);
  return total > 0 ? total * 1_000 : undefined;
}

const headerOf = ({ transactionId, registrationId }: { readonly transactionId: string; readonly registrationId?: string }): string =>
  `<msgHeader>${element('transactionID', transactionId)}${registrationId === undefined ? '' : element('registrationID', registrationId)}</msgHeader>`;

const envelope = (name: string, children: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="${soap}"><soapenv:Body><${name} xmlns="${xmf}">${children}</${name}></soapenv:Body></soapenv:Envelope>`;

export const encodeRegister = ({ transactionId, name, applicationUrl, providerUrl }: { readonly transactionId: string; readonly name: string; readonly applicationUrl: string; readonly providerUrl: string }): string =>
  envelope(
    'RequestXmfRegister',
    `${headerOf({ transactionId })}<applicationData>${element('name', name)}${element('url', applicationUrl)}</applicationData><providerData>${element('url', providerUrl)}</providerData>` +
      element('connectionEventsFilter', 'CONNECTED DISCONNECTED'),
  );

export const encodeUnregister = (told: Told): string => envelope('RequestXmfUnRegister', headerOf(told));

/** Cisco's documents name other countries beside this one, some by other names each; the tone is the same for all. */
const tone = element('recordTone', 'COUNTRY_GERMANY');

export interface ForkPlace {
  /** IPv4. */
  readonly address: string;
  readonly port: number;
}

export interface ForkOrder {
  /** Where what comes to the gateway by this connection goes; and what goes out by it. */
  readonly near: ForkPlace;
  readonly far: ForkPlace;
  /** Whether both parties hear a tone every 15 s. */
  readonly tone: boolean;
}

/** @param order undefined ends it */
export function encodeForking(told: Told, { callId, connectionId }: ConnectionName, order: ForkOrder | undefined): string {
  const place = (name: string, { address, port }: ForkPlace): string =>
    `<${name}>${element('ipv4', address)}${element('port', String(port))}${order?.tone === true ? tone : ''}</${name}>`;
  // Preserved: a recording does not end because our way to the gateway breaks.
  const action = order === undefined ? '<disableMediaForking/>' : `<enableMediaForking>${place('nearEndAddr', order.near)}${place('farEndAddr', order.far)}<preserve>true</preserve></enableMediaForking>`;
  return envelope('RequestXmfConnectionMediaForking', `${headerOf(told)}${element('callID', callId)}${element('connID', connectionId)}<action>${action}</action>`);
}

export const encodeProbed = (told: Told, sequence: string): string => envelope('ResponseXmfProbing', `${headerOf(told)}${element('sequence', sequence)}`);

export const encodeProviderLeft = (told: Told): string => envelope('ResponseXmfProviderUnRegister', headerOf(told));
