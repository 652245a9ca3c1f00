import { z } from 'zod';
import { anchorSettings } from '../anchor/index.js';
import { policySettings } from '../policy/index.js';
import { policyServiceSettings } from '../policy-service/index.js';
import { parseSipUri, sipSettings, sourceList } from '../sip/index.js';

const sipUri = z
  .string()
  .refine((text) => typeof parseSipUri(text) !== 'string', 'write a SIP URI, as sip:192.0.2.9:5060 or sip:192.0.2.9;transport=tcp');

export const trunkSettings = z.strictObject({
  name: z.string().min(1).max(64).describe('what the ledger calls it'),
  sources: sourceList.describe('addresses and networks that its calls come from'),
  nextHop: sipUri.describe('where its calls are sent on to'),
  limits: z
    .strictObject({
      calls: z.int().min(1).max(1_000_000).optional().describe('calls that may be in progress at once'),
      callsPerSecond: z.number().min(0.1).max(100_000).optional().describe('calls that may begin in a second, in the long run'),
    })
    .prefault({})
    .describe('what is beyond is answered 503 with Retry-After'),
});

export type TrunkSettings = z.infer<typeof trunkSettings>;

/** The proxy's part of the configuration: top-level keys. */
export const proxySettings = {
  sip: sipSettings.describe("the proxy's SIP edge, where trunks send their calls"),
  trunks: z
    .array(trunkSettings)
    .min(1)
    .max(1000)
    .refine((trunks) => new Set(trunks.map((trunk) => trunk.name)).size === trunks.length, 'two trunks have the same name')
    .describe('who may send calls; the first whose sources match is taken'),
  strangers: z
    .enum(['refuse', 'ignore'])
    .default('refuse')
    .describe('requests from no trunk: refuse answers 403; ignore answers nothing (embedded edge only)'),
  policy: policySettings.extend({ service: policyServiceSettings.optional() }).describe('which calls are recorded').prefault({}),
  anchor: anchorSettings.describe('what carries the media of recorded calls'),
  recording: z
    .strictObject({
      recorder: sipUri.describe('the recorder that takes the recording sessions (SIPREC)'),
      answerTimeoutMs: z.int().min(100).max(30_000).default(4_000).describe('how long the recorder may take to answer'),
      keysInClear: z
        .boolean()
        .default(false)
        .describe('true: SRTP keys may travel to the recorder over UDP or TCP unencrypted even when it is not on this machine'),
    })
    .describe('where recordings are made'),
};

export const proxySchema = z.strictObject(proxySettings);
export type ProxySettings = z.infer<typeof proxySchema>;
