/** The trunk proxy. */
export type { ProxyContext } from './context.js';
export type { ControlAnswer, ControlCommand } from './call-control.js';
export { openProxy, type Proxy } from './proxy.js';
export type { RunningCall, RunningCalls } from './running-calls.js';
export { proxySchema, proxySettings, trunkSettings, type ProxySettings } from './settings.js';
