/**
 * Trunks, routes and next hops in the configuration.
 *
 * Owns       their keys, and what has to hold between them and `sip`.
 * Leaves to  trunks, routes, rewrite-number, hop-board what they mean.
 */
import { z } from 'zod';
import type { AnchorSettings } from '../anchor/index.js';
import { numberList, numberPattern } from '../policy/index.js';
import { parseSipUri, sourceList, type SipSettings } from '../sip/index.js';

export const sipUri = z
  .string()
  .refine((text) => typeof parseSipUri(text) !== 'string', 'write a SIP URI, as sip:192.0.2.9:5060 or sip:192.0.2.9;transport=tcp');

const hopUri = sipUri.refine((text) => !text.toLowerCase().startsWith('tel:'), 'write a SIP URI with a host: a number leads nowhere');

const rewriting = z
  .strictObject({
    of: z.enum(['callee', 'caller']).describe('whose number'),
    match: numberPattern.describe('the numbers that it is for, as in rules'),
    strip: z.int().min(0).max(32).default(0).describe('how many characters are taken off its front'),
    prepend: z
      .string()
      .regex(/^[+*0-9a-zA-Z._-]{0,32}$/u, 'write digits, as 0049 or +44')
      .optional()
      .describe('what is put in front then'),
  })
  .refine(({ strip, prepend }) => strip > 0 || (prepend ?? '') !== '', 'say strip or prepend: so it changes nothing');

export const rewritings = z.array(rewriting).max(1_000);

/** What makes a message the one it is, and its dialog (RFC 3261 §8.1.1, §12), or is written by the proxy itself. */
const ofTheDialog = new Set([
  'via', 'from', 'to', 'call-id', 'cseq', 'contact', 'max-forwards', 'route', 'record-route', 'content-length', 'content-type',
  'content-encoding', 'content-disposition', 'require', 'proxy-require', 'supported', 'rack', 'rseq', 'session-expires', 'min-se', 'session-id',
]);

const headerName = z
  .string()
  .regex(/^[-!%*+'`~.\w]{2,64}$/u, 'write the name of a header, in its long form')
  .refine((name) => !ofTheDialog.has(name.toLowerCase()) && !/^x-twintrack-/iu.test(name), 'this header belongs to the dialog, and is not for changing');

const headerChanges = z
  .strictObject({
    add: z
      .record(headerName, z.string().max(1_024).regex(/^[\x20-\x7e]*$/u, 'a header has no line ends and no control characters'))
      .optional()
      .describe('headers, by name, in place of those that are there'),
    strip: z.array(headerName).max(64).optional().describe('names of headers that do not go on'),
  })
  .describe('headers of the outgoing INVITE');

const network = z.string().min(1).max(64);

const nextHop = z.strictObject({
  uri: hopUri.describe('where it is'),
  priority: z.int().min(0).max(65_535).default(1).describe('the lowest is tried first'),
  weight: z.int().min(0).max(65_535).default(1).describe('its share among those of one priority'),
  health: z.boolean().optional().describe('whether it is asked with OPTIONS if it is there; default: when it is not the only one'),
  network: network.optional().describe('which of anchor.relay.networks its media is reached by; default: that of the trunk it stands in'),
  rewrite: rewritings.optional().describe('numbers that are written otherwise for it'),
  headers: headerChanges.optional(),
});

const nextHops = z
  .array(nextHop)
  .min(1)
  .max(16)
  .refine((hops) => new Set(hops.map(({ uri }) => uri)).size === hops.length, 'two next hops are the same');

const trunkName = z.string().min(1).max(64);
const trunkNames = z.array(trunkName).min(1).max(1_000);

export const trunkSettings = z
  .strictObject({
    name: trunkName.describe('what the ledger calls it'),
    sources: sourceList.describe('addresses and networks that its calls come from'),
    transports: z.array(z.enum(['udp', 'tcp', 'tls'])).min(1).max(3).optional().describe('transports that its calls come by'),
    localPorts: z.array(z.int().min(1).max(65_535)).min(1).max(32).optional().describe('ports of ours that its calls arrive on'),
    tlsIdentities: z
      .array(z.string().regex(/^[-\w.:]{1,253}$/u, 'write a host name, as sbc.example.com'))
      .min(1)
      .max(64)
      .optional()
      .describe('names of which its client certificate has one'),
    nextHop: hopUri.optional().describe('where its calls are sent on to, when it is one place'),
    nextHops: nextHops.optional().describe('where its calls are sent on to, when there are several'),
    gateways: nextHops.optional().describe('where calls to the trunk are sent, for routes that lead to it'),
    network: network.optional().describe('which of anchor.relay.networks its media is reached by; default: anchor.relay.address'),
    rewrite: rewritings.optional().describe('numbers of its calls that are written otherwise'),
    headers: headerChanges.optional(),
    limits: z
      .strictObject({
        calls: z.int().min(1).max(1_000_000).optional().describe('calls that may be in progress at once'),
        callsPerSecond: z.number().min(0.1).max(100_000).optional().describe('calls that may begin in a second, in the long run'),
      })
      .prefault({})
      .describe('what is beyond is answered 503 with Retry-After'),
    recordingControl: z
      .array(z.enum(['caller', 'callee']))
      .max(2)
      .default([])
      .describe('sides of its calls whose X-Recording headers are obeyed: caller, the trunk itself; callee, what answers at the next hop'),
  })
  .refine(({ nextHop: one, nextHops: several }) => one === undefined || several === undefined, {
    path: ['nextHops'],
    message: 'say nextHop or nextHops, not both',
  });

export type TrunkSettings = z.infer<typeof trunkSettings>;
export type NextHopSettings = z.infer<typeof nextHop>;
export type Rewriting = z.infer<typeof rewriting>;
export type HeaderChanges = z.infer<typeof headerChanges>;

const route = z
  .strictObject({
    from: trunkNames.optional().describe('names of trunks, of which the call came by one'),
    callee: numberList.optional().describe('patterns of which one fits the number that was dialled'),
    caller: numberList.optional().describe('patterns of which one fits the caller'),
    to: trunkName.optional().describe('the trunk whose gateways it goes to'),
    nextHops: nextHops.optional().describe('where it goes, in place of a trunk'),
  })
  .refine(({ to, nextHops: hops }) => (to === undefined) !== (hops === undefined), { path: ['to'], message: 'say to or nextHops, one of them' });

export const routes = z.array(route).max(10_000);
export type RouteSettings = z.infer<typeof route>;

export const failoverSettings = z.strictObject({
  attempts: z.int().min(1).max(16).default(3).describe('next hops that one call tries at most'),
  answerWithinMs: z.int().min(100).max(30_000).default(4_000).describe('how long one may say nothing at all while another is left'),
  withinMs: z.int().min(100).max(60_000).default(12_000).describe('how long after its beginning a call may go on to another next hop'),
});
export type FailoverSettings = z.infer<typeof failoverSettings>;

export const healthSettings = z.strictObject({
  intervalMs: z.int().min(1_000).max(3_600_000).default(30_000).describe('time from one OPTIONS to the next, a tenth more or less'),
  timeoutMs: z.int().min(100).max(30_000).default(4_000).describe('how long its answer may take'),
  failures: z.int().min(1).max(100).default(2).describe('failures in a row that take a next hop down'),
  successes: z.int().min(1).max(100).default(1).describe('answers in a row that take it up again'),
});
export type HealthSettings = z.infer<typeof healthSettings>;

interface Whole {
  readonly sip: SipSettings;
  readonly trunks: readonly TrunkSettings[];
  readonly routes: readonly RouteSettings[];
  readonly anchor: AnchorSettings;
}

type Complain = (path: (string | number)[], message: string) => void;

/** What has to hold between trunks, routes and the edge. */
export function checkTrunks({ sip, trunks, routes: all, anchor }: Whole, complain: Complain): void {
  checkNetworks(trunks, all, anchor.relay?.networks ?? [], complain);
  const byName = new Map(trunks.map((trunk) => [trunk.name, trunk]));
  all.forEach(({ from = [], to }, n) => {
    from.forEach((name, k) => {
      if (!byName.has(name)) complain(['routes', n, 'from', k], `there is no trunk "${name}"`);
    });
    if (to !== undefined && !byName.has(to)) complain(['routes', n, 'to'], `there is no trunk "${to}"`);
    else if (to !== undefined && byName.get(to)?.gateways === undefined) complain(['routes', n, 'to'], `the trunk "${to}" has no gateways: say there where its calls are to go`);
  });
  trunks.forEach((trunk, n) => {
    const routed = all.some(({ from }) => from === undefined || from.includes(trunk.name));
    if (trunk.nextHop === undefined && trunk.nextHops === undefined && !routed) {
      complain(['trunks', n, 'nextHop'], 'say where its calls go: nextHop, nextHops, or a route from it');
    }
    checkArrival(sip, trunk, (key, message) => complain(['trunks', n, key], message));
  });
}

function checkNetworks(trunks: readonly TrunkSettings[], all: readonly RouteSettings[], networks: readonly { readonly name: string }[], complain: Complain): void {
  const check = (name: string | undefined, path: (string | number)[]): void => {
    if (name !== undefined && !networks.some((one) => one.name === name)) complain([...path, 'network'], `there is no "${name}" among anchor.relay.networks`);
  };
  const checkHops = (hops: readonly NextHopSettings[] | undefined, path: (string | number)[]): void => hops?.forEach((hop, n) => check(hop.network, [...path, n]));
  trunks.forEach((trunk, n) => {
    check(trunk.network, ['trunks', n]);
    checkHops(trunk.nextHops, ['trunks', n, 'nextHops']);
    checkHops(trunk.gateways, ['trunks', n, 'gateways']);
  });
  all.forEach((one, n) => checkHops(one.nextHops, ['routes', n, 'nextHops']));
}

function checkArrival(sip: SipSettings, { transports, localPorts, tlsIdentities }: TrunkSettings, complain: (key: string, message: string) => void): void {
  if (tlsIdentities !== undefined && sip.drachtio !== undefined) {
    complain('tlsIdentities', 'a drachtio-server does not tell the certificate of a peer: this needs the embedded edge');
    return;
  }
  // Where a drachtio-server listens is not known here.
  if (sip.drachtio !== undefined) return;
  if (tlsIdentities !== undefined && (sip.tls === undefined || sip.tls.clientCertificate === 'none')) {
    complain('tlsIdentities', 'nobody is asked for a certificate: say sip.tls.clientCertificate: request, or require');
  }
  if (tlsIdentities !== undefined && transports !== undefined && !transports.includes('tls')) complain('transports', 'a certificate comes by tls only');
  const fitting = sip.listen.filter(({ transport, port }) => transports?.includes(transport) !== false && localPorts?.includes(port) !== false);
  if (fitting.length === 0) complain(localPorts === undefined ? 'transports' : 'localPorts', 'no address of sip.listen fits: its calls could not arrive');
}
