export type { Edge, EdgeOptions, EdgeStats, ListenAddress, TlsCounts, TlsSettings } from './edge-options.js';
export * as edgeExtensions from './app/extensions.js';
export { openEdge } from './open-edge.js';
export { spawnEdge } from './spawn-edge.js';
export { orderServers } from './transport/srv-order.js';
export { parseText } from './message/parse-message.js';
export { headerOf, headersOf, type Header as SipHeader } from './message/sip-message.js';
export { StreamFraming } from './transport/stream-framing.js';
