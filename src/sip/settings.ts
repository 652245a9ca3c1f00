import { isIP } from 'node:net';
import { z } from 'zod';

/** `udp:192.0.2.1:5060`, `tls:[2001:db8::1]`; without a port 5060, or 5061 for tls. */
const listenAddress = z
  .string()
  .transform((text, context) => {
    const match = /^(udp|tcp|tls):(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
    const host = match?.[2] ?? match?.[3] ?? '';
    const port = Number(match?.[4] ?? (match?.[1] === 'tls' ? 5061 : 5060));
    if (match === null || isIP(host) === 0 || port > 65_535) {
      context.addIssue({ code: 'custom', message: 'write it as udp:ADDRESS:PORT, tcp:ADDRESS:PORT or tls:ADDRESS:PORT, IPv6 in brackets' });
      return z.NEVER;
    }
    return { transport: match[1] as 'udp' | 'tcp' | 'tls', host, port };
  })
  .describe('udp:ADDRESS:PORT, tcp:ADDRESS:PORT or tls:ADDRESS:PORT');

const tlsSettings = z
  .strictObject({
    certFile: z.string().min(1).describe('PEM file with the certificate, followed by those of intermediate authorities'),
    keyFile: z.string().min(1).describe('PEM file with its key, without a passphrase'),
    caFile: z.string().min(1).optional().describe('PEM file with the authorities to trust, in place of the public ones'),
    clientCertificate: z
      .enum(['none', 'request', 'require'])
      .default('none')
      .describe('whether peers that connect are asked for a certificate, and refused without one of a trusted authority'),
    verifyPeer: z
      .enum(['name', 'chain', 'off'])
      .default('name')
      .describe('what a server must prove that we connect to: the name asked for, a trusted authority, or nothing'),
  })
  .describe('certificate of the embedded edge, for its tls addresses and for the TLS connections it opens');

/** One SIP edge: the embedded one on these addresses, or a drachtio-server that is running elsewhere. */
export const sipSettings = z
  .strictObject({
    listen: z.array(listenAddress).max(32).prefault([]).describe('addresses of the embedded edge'),
    natDetection: z.boolean().default(true).describe('whether peers that are not where their Contact says are reached where they speak from'),
    strangersPerSecond: z
      .int()
      .min(1)
      .max(100_000)
      .default(20)
      .describe('new requests a second that a source may send which is not configured; five times as many at once'),
    tls: tlsSettings.optional(),
    drachtio: z
      .strictObject({
        host: z.string().min(1),
        port: z.int().min(1).max(65_535).default(9022),
        secret: z.string().min(1).optional(),
        secretFile: z.string().min(1).optional().describe('a file that holds the secret, in place of the secret itself'),
      })
      .refine(({ secret, secretFile }) => (secret === undefined) !== (secretFile === undefined), {
        path: ['secret'],
        message: 'give secret or secretFile, one of them',
      })
      .optional()
      .describe('a drachtio-server to use in place of the embedded edge'),
  })
  .refine(({ listen, drachtio }) => listen.length > 0 || drachtio !== undefined, {
    path: ['listen'],
    message: 'name at least one address, or a drachtio-server',
  })
  .superRefine(({ listen, tls }, context) => {
    const uncertified = tls === undefined ? listen.findIndex(({ transport }) => transport === 'tls') : -1;
    if (uncertified !== -1) context.addIssue({ code: 'custom', path: ['listen', uncertified], message: 'a tls address needs a certificate: say tls.certFile and tls.keyFile beside listen' });
  });

type Parsed = z.infer<typeof sipSettings>;

/** What code that opens an edge of its own may leave out, it need not name. */
export type SipSettings = Omit<Parsed, 'natDetection' | 'strangersPerSecond'> & Partial<Pick<Parsed, 'natDetection' | 'strangersPerSecond'>>;

/** Addresses and networks: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`. */
export const sourceList = z
  .array(
    z.string().refine((text) => {
      const [address, bits, rest] = text.split('/');
      const family = isIP(address ?? '');
      return rest === undefined && family !== 0 && (bits === undefined || (/^\d+$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)));
    }, 'write an address or a network, as 192.0.2.7 or 10.0.0.0/8'),
  )
  .min(1);
