import { z } from 'zod';
import { anchorSettings } from '../anchor/index.js';
import { policySettings } from '../policy/index.js';
import { policyServiceSettings } from '../policy-service/index.js';
import { sipSettings } from '../sip/index.js';
import { checkOutcomes, recordingSettings, retentionSettings } from './recording-settings.js';
import { checkTrunks, failoverSettings, healthSettings, routes, trunkSettings } from './trunk-settings.js';

/** The proxy's part of the configuration: top-level keys. */
export const proxySettings = {
  sip: sipSettings.describe("the proxy's SIP edge, where trunks send their calls"),
  trunks: z
    .array(trunkSettings)
    .min(1)
    .max(1000)
    .refine((trunks) => new Set(trunks.map((trunk) => trunk.name)).size === trunks.length, 'two trunks have the same name')
    .describe('who may send calls; the first whose conditions all hold is taken'),
  routes: routes.default([]).describe('where calls go; the first that fits, else the next hops of their trunk'),
  failover: failoverSettings.prefault({}).describe('what happens when a next hop fails'),
  health: healthSettings.prefault({}).describe('whether next hops are there, asked with OPTIONS'),
  strangers: z
    .enum(['refuse', 'ignore'])
    .default('refuse')
    .describe('requests from no trunk: refuse answers 403; ignore answers nothing (embedded edge only)'),
  policy: policySettings.extend({ service: policyServiceSettings.optional() }).describe('which calls are recorded').prefault({}),
  anchor: anchorSettings.describe('what carries the media of recorded calls'),
  recording: recordingSettings.describe('where recordings are made'),
  retention: retentionSettings.default({}).describe('for how long recordings are kept: classes that rules name; `standard` is always one'),
};

/** What has to hold between keys of the proxy, for a schema that has all of them. */
export function checkProxy(settings: Pick<ProxySettings, 'sip' | 'trunks' | 'routes' | 'policy' | 'anchor' | 'recording' | 'retention'>, context: z.core.$RefinementCtx): void {
  const complain = (path: (string | number)[], message: string): void => context.addIssue({ code: 'custom', path, message });
  checkTrunks(settings, complain);
  checkOutcomes(settings, complain);
}

export const proxySchema = z.strictObject(proxySettings);
export type ProxySettings = z.infer<typeof proxySchema>;
