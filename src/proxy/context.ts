import type { Anchor } from '../anchor/index.js';
import type { Ledger } from '../ledger/index.js';
import type { Log, Metrics } from '../ops/index.js';
import type { PolicyService } from '../policy-service/index.js';
import type { SipConnection } from '../sip/index.js';
import type { Announcements } from './announcement-files.js';
import type { ProxySettings } from './settings.js';

/** What every call of a proxy shares; whoever opens the proxy owns and closes all of it. */
export interface ProxyContext {
  readonly settings: ProxySettings;
  readonly sip: SipConnection;
  readonly anchor: Anchor;
  readonly ledger: Pick<Ledger, 'callBegan' | 'callAnswered' | 'callEnded'>;
  /** Asked whether a call is recorded, in place of the rules alone. */
  readonly policyService?: Pick<PolicyService, 'decide'>;
  /** Those that rules and the policy service may name. */
  readonly announcements: Announcements;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'announced' | 'callEnded' | 'callsActive' | 'recordingCommand' | 'recordingEnded' | 'sipRejected' | 'nextHopUp' | 'recorderUp' | 'recorderTakenOver'>;
  /** The name of this machine in the ledger. */
  readonly node: string;
}
