export type { CallFacts } from './call-facts.js';
export { plainUser, type Subscriber } from './number-pattern.js';
export { allowedCommands, Policy, type Decision, type Explanation, type Step } from './policy.js';
export { commandSources, recordingCommands, type CommandSource, type RecordingCommand } from './recording-commands.js';
export { policySettings, type PolicySettings } from './settings.js';
