/** The trunk proxy. */
export { loadAnnouncements, type Announcements } from './announcement-files.js';
export type { ProxyContext } from './context.js';
export type { ControlAnswer, ControlCommand } from './call-control.js';
export { explainRoute, type ExplainedHop, type ExplainedRoute } from './explain-route.js';
export { openProxy, type Proxy } from './proxy.js';
export { termsOf } from './recording-terms.js';
export type { RunningCall, RunningCalls } from './running-calls.js';
export { watchForCaptures } from './switch-forks.js';
export { asksForIdentity } from './setup.js';
export { checkProxy, proxySchema, proxySettings, type ProxySettings } from './settings.js';
