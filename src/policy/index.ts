export type { CallFacts } from './call-facts.js';
export { plainUser, type Subscriber } from './number-pattern.js';
export { Policy, type Decision, type Explanation, type Step } from './policy.js';
export { outcomeShape, policySettings, type Outcome, type PolicySettings } from './settings.js';
