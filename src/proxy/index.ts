/** The trunk proxy. */
export type { ProxyContext } from './context.js';
export { openProxy, type Proxy } from './proxy.js';
export { proxySchema, proxySettings, trunkSettings, type ProxySettings } from './settings.js';
