/** The trunk proxy. */
export type { ProxyContext } from './context.js';
export { explainRoute, type ExplainedHop, type ExplainedRoute } from './explain-route.js';
export { asksForIdentity, openProxy, type Proxy } from './proxy.js';
export { checkProxy, proxySchema, proxySettings, type ProxySettings } from './settings.js';
