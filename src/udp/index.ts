/** Media sockets on port ranges: what the relay and the recorder share. */
export { openMediaSockets, type MediaSockets } from './media-sockets.js';
export { PortPool } from './port-pool.js';
export { announcedAddress, mediaSettings, type MediaSettings } from './settings.js';
