/** The external policy service: a decision asked for over HTTP, with the local policy to fall back on. */
export { openPolicyService, type PolicyService, type PolicyServiceParts } from './policy-service.js';
export { policyServiceSettings, type PolicyServiceSettings } from './settings.js';
