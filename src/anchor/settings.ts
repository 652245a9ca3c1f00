import { isIP } from 'node:net';
import { z } from 'zod';
import { sourceList } from '../sip/index.js';
import { mediaPlace, mediaSettings } from '../udp/index.js';

const networkName = z.string().min(1).max(64);

const rtpengineSettings = z.strictObject({
  nodes: z
    .array(
      z.strictObject({
        host: z.union([z.ipv4(), z.ipv6()], 'write an IPv4 or IPv6 address').describe('address of its control port (--listen-ng)'),
        port: z.int().min(1).max(65_535).default(2_223),
        weight: z.int().min(1).max(1_000).default(1).describe('its share of the calls, beside those of the others'),
      }),
    )
    .min(1)
    .max(64)
    .describe('the rtpengines; new calls go to one that answers'),
  answerWithinMs: z.int().min(100).max(10_000).default(1_000).describe('how long one may take to answer before the next is asked'),
  pingMs: z.int().min(100).max(600_000).default(5_000).describe('how often each is asked whether it is there'),
  keep: mediaSettings.optional().describe('where copies come by on their way to the recorder, so that what it has not written is kept for another; left out: they go straight to the recorder, and nothing is kept'),
  decrypt: z.boolean().default(false).describe('true: the copies of SRTP calls go to the recorder decrypted; only where nobody else reads that network'),
});

/** Nothing in it ends an argument of a FreeSWITCH command. */
const soundFolder = z.string().regex(/^\/[-\w./]{1,500}$/u, 'write an absolute path of letters, digits, "-", "_", "." and "/"');

const freeswitchSettings = z.strictObject({
  nodes: z
    .array(
      z
        .strictObject({
          host: z.ipv4('write an IPv4 address').describe('address of its event socket'),
          port: z.int().min(1).max(65_535).default(8_021).describe('its port'),
          secret: z.string().regex(/^[\x21-\x7e]{1,256}$/u, 'a password has no spaces and no line ends').optional().describe('its password'),
          secretFile: z.string().min(1).optional().describe('a file that holds the password, in place of the password itself'),
          profile: z.string().regex(/^[-\w]{1,64}$/u, 'write the name of a SIP profile').default('drachtio_mrf').describe('the SIP profile that calls come to'),
          weight: z.int().min(1).max(1_000).default(1).describe('its share of the calls, beside those of the others'),
        })
        .refine(({ secret, secretFile }) => (secret === undefined) !== (secretFile === undefined), { path: ['secret'], message: 'give secret or secretFile, one of them' }),
    )
    .min(1)
    .max(64)
    .describe('the FreeSWITCHes; new calls go to one that answers'),
  listen: z
    .strictObject({
      address: z.ipv4('write an IPv4 address of this machine').default('127.0.0.1').describe('local address that FreeSWITCH connects back to for each party of a call'),
      publicAddress: z.ipv4('write an IPv4 address').optional().describe('what it is told in place of it, where this machine is behind a NAT'),
      port: z.int().min(0).max(65_000).default(0).describe('the first of as many ports as there are FreeSWITCHes; 0: any'),
    })
    .prefault({}),
  answerWithinMs: z.int().min(100).max(10_000).default(2_000).describe('how long one may take to answer before the next is asked'),
  pingMs: z.int().min(100).max(600_000).default(5_000).describe('how often each is asked whether it is there'),
  sounds: z
    .strictObject({
      dir: soundFolder.describe('folder that announcements and beeps are written to as files'),
      seenAs: soundFolder.optional().describe('what FreeSWITCH calls that folder, where that is another path'),
    })
    .optional()
    .describe('left out: nothing can be played'),
});

const relaySettings = mediaSettings.extend({
  mediaTimeoutSeconds: z
    .int()
    .min(5)
    .max(86_400)
    .optional()
    .describe('a call of which neither party has sent anything for so long, although neither is on hold, is ended; left out: never'),
  networks: z
    .array(mediaPlace.extend({ name: networkName.describe('what trunks and next hops call it') }))
    .min(1)
    .max(16)
    .refine((networks) => new Set(networks.map(({ name }) => name)).size === networks.length, 'two networks have one name')
    .optional()
    .describe('further local addresses, for parties that are reached by them; all others, and the recorders, by the address above'),
  threads: z.int().min(1).max(64).optional().describe('over which calls are spread; left out: one less than there are cores, but two at least where there are two, and eight at most'),
  dscp: z.int().min(0).max(63).optional().describe('differentiated services code point of the packets sent (46: expedited forwarding); needs native calls, see accelerator'),
});

const xmfSettings = z.strictObject({
  gateways: z
    .array(
      z
        .strictObject({
          url: z.url({ protocol: /^https?$/u, error: 'write a URL, as http://192.0.2.1:8090/cisco_xmf' }).describe('its XMF provider'),
          sources: sourceList.optional().describe('addresses that it calls and tells from; left out: the address in url'),
        })
        .refine(({ url, sources }) => sources !== undefined || isIP(hostIn(url)) !== 0, { path: ['sources'], message: 'say from which addresses it comes, where url has a name' }),
    )
    .min(1)
    .max(64)
    .describe('the Cisco gateways that calls come from or go to'),
  listen: z
    .strictObject({
      host: z.ipv4('write an IPv4 address of this machine').default('127.0.0.1').describe('local address where gateways tell of their calls'),
      port: z.int().min(0).max(65_535).describe('its port'),
      path: z.string().regex(/^\/[-\w./]{0,200}$/u, 'write a path, as /xmf').default('/xmf').describe('the path'),
      publicUrl: z.url({ protocol: /^https?$/u }).optional().describe('what gateways have for it as `remote-url`, where that is not http:// with host, port and path'),
    })
    .describe('where gateways tell of their calls'),
  name: z.string().regex(/^[-\w.]{1,64}$/u, 'write letters, digits, "-", "_" and "."').default('twintrack').describe('what gateways show as our name'),
  answerWithinMs: z.int().min(100).max(10_000).default(2_000).describe('how long one may take to answer, and after a call is answered to tell of it'),
  tone: z.boolean().default(false).describe('true: the gateway plays a tone to both parties every 15 s'),
});

function hostIn(url: string): string {
  try {
    return new URL(url).hostname.replace(/^\[|\]$/gu, '');
  } catch {
    return '';
  }
}

const switchSettings = z.strictObject({
  header: z
    .strictObject({
      name: z.string().regex(/^[A-Za-z][-\w]{1,63}$/u, 'write the name of a header, as X-Record').describe('of the INVITE that goes on'),
      value: z
        .string()
        .regex(/^[\x20-\x7e]{1,256}$/u, 'a header has no line ends and no control characters')
        .default('{sessionId}')
        .describe('its value; {sessionId} stands for the session ID'),
    })
    .optional()
    .describe('how the switch is told that a call is to be recorded; left out: it knows by itself'),
  xmf: xmfSettings.optional().describe('Cisco gateways that are told over HTTP (Extended Media Forking); left out: there are none'),
  captureWithinSeconds: z.int().min(1).max(86_400).default(300).describe('a call of which no capture has come so long after its end is lost'),
});

/** The media anchor: which member, and its own settings. */
export const anchorSettings = z
  .strictObject({
    relay: relaySettings.optional().describe('the built-in relay'),
    rtpengine: rtpengineSettings.optional().describe('rtpengine, one or several'),
    freeswitch: freeswitchSettings.optional().describe('FreeSWITCH, one or several'),
    none: switchSettings.optional().describe('the switch or SBC forks by itself'),
  })
  .refine((members) => Object.values(members).filter((member) => member !== undefined).length === 1, 'say `relay`, `rtpengine`, `freeswitch` or `none`, one of them');

export type AnchorSettings = z.infer<typeof anchorSettings>;
export type RelaySettings = z.infer<typeof relaySettings>;
export type SwitchSettings = z.infer<typeof switchSettings>;
export type FreeswitchSettings = z.infer<typeof freeswitchSettings>;
export type XmfSettings = z.infer<typeof xmfSettings>;
export type RtpengineSettings = z.infer<typeof rtpengineSettings>;
