/** Media anchors: one door, its members behind it. */
export {
  forkTroubles, otherSide, sides, type Anchor, type AnchoredCall, type CallFork, type RelayPackets, type AnchorStats, type CallOptions, type DigitListener, type ForkTrouble, type Play, type PlayEnd, type Playing, type PlayOutcome,
  type RelayDropReason, type RecordingOffer, type Side,
} from './door.js';
export { openFreeswitch, type FreeswitchOptions } from './freeswitch/index.js';
export { noAnchor, toldBy } from './none/index.js';
export { openRelay, type RelayOptions } from './relay/index.js';
export { openRtpengine, type RtpengineOptions } from './rtpengine/index.js';
export { anchorSettings, type AnchorSettings, type SwitchSettings } from './settings.js';
export { openXmf, type XmfOptions } from './xmf/index.js';
