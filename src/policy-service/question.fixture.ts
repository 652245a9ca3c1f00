/** Calls to ask about, and what may be decided of them. */
import { policySettings, type CallFacts, type Outcome } from '../policy/index.js';

export const factsOf = (more: Partial<CallFacts> = {}): CallFacts => ({
  sessionId: '1c7734d272004fce96c087fe8fbdc259',
  trunk: 'carrier',
  caller: { user: '+4930123456', host: 'carrier.example' },
  callee: { user: '7100', host: 'pbx.example' },
  headers: { 'x-queue': ['sales'], 'user-agent': ['SBC 4'] },
  atMs: Date.UTC(2026, 10, 25, 13, 30),
  ...more,
});

/** A decision that says no more than this; the rest is what holds for a rule too. */
export const outcomeOf = (said: object): Outcome => policySettings.parse({ otherwise: said }).otherwise;
