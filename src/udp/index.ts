/** Media sockets on port ranges: what the relay and the recorder share. */
export { openDatagrams } from './accelerator.js';
export { closeDatagrams, shareDatagrams, unshareDatagrams, type DatagramShare } from './native/index.js';
export { enterRealTime } from './native/real-time.js';
export { sameEndpoint, type Datagrams, type DatagramSocket, type Endpoint } from './datagrams.js';
export { bindPair, onFreePair, openMediaSockets, type MediaSockets } from './media-sockets.js';
export { nodeDatagrams } from './node-datagrams.js';
export { PortPool } from './port-pool.js';
export { announcedAddress, mediaPlace, mediaSettings, type MediaPlace, type MediaSettings } from './settings.js';
