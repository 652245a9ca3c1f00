/**
 * A recorder's wish for all metadata of a recording session (RFC 7866 §8.2, §12.2): the body of an UPDATE, which the
 * client answers by sending a complete document in a request of its own.
 */
import { metadataNamespace } from './encode-metadata.js';
import { element } from './xml-elements.js';

export const snapshotRequestType = 'application/rs-metadata-request';

/** @param reason for people who read the client's log */
export const encodeSnapshotRequest = (reason: string): string =>
  ['<?xml version="1.0" encoding="UTF-8"?>', `<requestsnapshot xmlns="${metadataNamespace}">`, element('requestreason', reason), '</requestsnapshot>', ''].join('\r\n');
