export type { CallFacts } from './call-facts.js';
export { openNumbers, type Numbers } from './conditions.js';
export { matchesNumber, parseNumberPattern, plainUser, type NumberPattern, type Subscriber } from './number-pattern.js';
export { allowedCommands, Policy, type Decision, type Explanation, type Step } from './policy.js';
export { commandSources, recordingCommands, type CommandSource, type RecordingCommand } from './recording-commands.js';
export { configuredName, numberList, numberPattern, outcomeShape, policySettings, redundancies, type Outcome, type PolicySettings } from './settings.js';
