export type { Edge, EdgeOptions, EdgeStats, ListenAddress, TlsCounts, TlsSettings } from './edge-options.js';
export { openEdge } from './open-edge.js';
export { spawnEdge } from './spawn-edge.js';
