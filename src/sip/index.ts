export {
  encodeSipUri,
  hostPort,
  parseHostPort,
  parseNameAddr,
  parseSipUri,
  uriOfNameAddr,
  type NameAddr,
  type SipUri,
} from './addresses.js';
export { bridgedCallOf, readBuiltInBridge, type BuiltInBridge } from './built-in-bridge.js';
export { newCiscoGuid, readCiscoGuid, sipCiscoGuid } from './cisco-guid.js';
export {
  encodeMetadata,
  metadataContentType,
  metadataNamespace,
  newMetadataId,
  type MetadataTimes,
} from './encode-metadata.js';
export { makersCallId } from './makers-call-id.js';
export type { MetadataHints } from './metadata-hints.js';
export { lacksBase, mergeMetadata } from './metadata-merge.js';
export { encodeSnapshotRequest, snapshotRequestType } from './snapshot-request.js';
export { bodyRejects, encodeMultipart, readBody, type BodyPart, type BodyReject } from './multipart.js';
export { controlBounds, controlNamespace, type RecordingControl } from './recording-control.js';
export {
  encodeRecordingAnswer,
  encodeRecordingOffer,
  encodeServerOffer,
  reportsWritten,
  type RecordingAnswer,
  type RecordingAnswerMedia,
  type RecordingOffer,
  type RecordingOfferMedia,
} from './recording-sdp.js';
export { sdpOfMedia } from './media-section.js';
export { rewriteSdp, type AnchoredMedia } from './rewrite-sdp.js';
export {
  isWebSocket,
  readSdp,
  sdpRejects,
  type Sdp,
  type SdpCodec,
  type SdpDirection,
  type SdpMedia,
  type SdpReject,
  webSocketProtocol,
} from './sdp.js';
export {
  encodeSessionId,
  newSessionUuid,
  nilSessionUuid,
  parseSessionId,
  type SessionIdHeader,
} from './session-id.js';
export {
  metadataRejects,
  parseMetadata,
  type MetadataParticipant,
  type MetadataReject,
  type MetadataSession,
  type MetadataStream,
  type RecordingMetadata,
} from './siprec-metadata.js';
export { senderOf, senderOfStream, streamOf } from './stream-sender.js';
export { connectSip, type EdgeCounts, type KnownSources, type SipConnection, type SipConnectionOptions } from './connection.js';
export {
  byeWaitsFor,
  hangUp,
  headersToPass,
  headersWithBody,
  onceEnded,
  replaceHeaders,
  requestInDialog,
  requestWithin,
  type DialogReach,
  type DialogResponse,
  type InDialogRequest,
} from './dialogs.js';
export { cancelInvite, isOfEdge, onCancel, onceAck, onUpdate, srfOf, type SipDialog, type SipHeaders, type SipRequest, type SipResponse } from './drachtio-events.js';
export {
  dialogIdOf,
  dialogOfCallee,
  dialogOfCaller,
  invite,
  onEarlyRequest,
  reachOf,
  releaseHeld,
  respond,
} from './invitation.js';
export { replaceSdp, sdpIn } from './session-body.js';
export { askOptions, type OptionsAnswer } from './options-ping.js';
export { encodeRecorderLoad, parseRecorderLoad, recorderLoadHeader, type RecorderLoad } from './recorder-load.js';
export { secondsOf } from './retry-after.js';
export { proxyRequest, type ProxyOutcome, type ProxyPlan, type TargetAnswer } from './proxy-request.js';
export { sharedSecret } from './shared-secret.js';
export { sipSettings, sourceList, type SipSettings } from './settings.js';
export { SourceSet } from './source-set.js';
export { edgeExtensions, orderServers } from '../edge/index.js';
export { originOf, type RequestOrigin } from './request-origin.js';
export { escapeXml, readXml, type XmlElement, type XmlReject } from './xml.js';
export { element } from './xml-elements.js';
