import { hostname } from 'node:os';
import { z } from 'zod';
import { sipSettings, sourceList } from '../sip/index.js';
import { mediaSettings } from '../udp/index.js';
import { decodableCodecs } from './line-answer.js';

const audioSocketSettings = z.strictObject({
  host: z.ipv4('write an IPv4 address of this machine').default('127.0.0.1').describe('local address where audio arrives'),
  publicHost: z
    .string()
    .regex(/^[A-Za-z0-9](?:[-.A-Za-z0-9]{0,251}[A-Za-z0-9])?$/u, 'write a host name or an IPv4 address')
    .optional()
    .describe('what switches connect to in place of it: with tls, the name in the certificate'),
  port: z.int().min(0).max(65_535).describe('its port'),
  tls: z
    .strictObject({
      certFile: z.string().min(1).describe('PEM file with the certificate, followed by those of intermediate authorities'),
      keyFile: z.string().min(1).describe('PEM file with its key, without a passphrase'),
    })
    .optional()
    .describe('left out: audio comes unencrypted'),
  connectWithinMs: z.int().min(500).max(60_000).default(5_000).describe('how long a switch may take to connect and to say what it sends; a session without is ended'),
  mostConnections: z.int().min(1).max(100_000).default(2_000).describe('more at a time are turned away'),
});

export type AudioSocketSettings = z.infer<typeof audioSocketSettings>;

/** The recorder's part of the configuration. */
export const recorderSchema = z
  .strictObject({
    name: z.string().min(1).max(64).default(hostname()).describe('what ledger and reports call this recorder; default: the host name'),
    sip: sipSettings.describe("the recorder's SIP edge, where recording sessions arrive"),
    sources: sourceList.describe('addresses and networks that may open recording sessions'),
    tlsIdentities: z
      .array(z.string().regex(/^[-\w.:]{1,253}$/u, 'write a host name, as sbc.example.com'))
      .min(1)
      .max(1_000)
      .optional()
      .describe('names of which the client certificate of whoever opens one has one; left out: addresses alone decide'),
    sessionIdHeader: z
      .string()
      .regex(/^[-!%*+'`~.\w]{2,64}$/u, 'write the name of a header, in its long form')
      .optional()
      .describe('a header that names the call, where nothing better does; left out: the Call-ID'),
    pairUnnamed: z
      .boolean()
      .default(true)
      .describe('whether two recording sessions of one line each, of which nothing but the Call-ID is known, become one recording where media addresses and time say that they are one call'),
    codecs: z
      .array(z.enum(decodableCodecs))
      .min(1)
      .max(decodableCodecs.length)
      .optional()
      .describe("codecs that are answered, the preferred one first; left out: all that can be decoded, in the client's order"),
    keylessSrtp: z
      .enum(['record', 'refuse'])
      .default('record')
      .describe('SRTP whose keys are not in the offer: recorded, for keys that are sent by themselves, or refused with 488'),
    staleSeconds: z.int().min(5).max(86_400).default(300).describe('after so long without media and without signalling a client is asked whether the session is still its own'),
    minFreeMb: z.int().min(0).max(1_000_000).default(256).describe('megabytes that stay free where captures are written; with less new sessions are refused'),
    media: mediaSettings.describe('where recorded media arrives'),
    webSocket: audioSocketSettings.optional().describe('where switches send audio over WebSocket, as FreeSWITCH does; left out: nowhere'),
    flushMs: z.int().min(10).max(200).default(100).describe('how often captures are written out'),
    syncMs: z.int().min(100).max(10_000).default(1_000).describe('how often captures are synced to the disk'),
    settleMs: z.int().min(100).max(60_000).default(5_000).describe('for how long what came in is in the journal of captures alone, before it is in the capture itself too'),
    deadAfterSeconds: z.int().min(5).max(3_600).default(15).describe('after so long without a sign of life from another recorder what it left is recovered here; with ledger.postgres'),
  })
  .superRefine(({ sip, tlsIdentities }, context) => {
    if (tlsIdentities === undefined) return;
    const complain = (message: string): void => context.addIssue({ code: 'custom', path: ['tlsIdentities'], message });
    if (sip.drachtio !== undefined) complain('a drachtio-server does not tell the certificate of a peer: this needs the embedded edge');
    else if (sip.tls === undefined || sip.tls.clientCertificate === 'none') complain('nobody is asked for a certificate: say recorder.sip.tls.clientCertificate: request, or require');
  });

export type RecorderSettings = z.infer<typeof recorderSchema>;
