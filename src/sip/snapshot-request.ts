/**
 * A recorder's wish for all metadata of a recording session (RFC 7866 §9.2; its form is RFC 7865's): the body of an UPDATE
 * without an SDP, which the client answers by sending a complete document in a request of its own.
 */
import { metadataNamespace } from './encode-metadata.js';
import { element } from './xml-elements.js';

export const snapshotRequestType = 'application/rs-metadata-request';

/** @param reason for people who read the client's log */
export const encodeSnapshotRequest = (reason: string): string =>
  ['<?xml version="1.0" encoding="UTF-8"?>', `<requestsnapshot xmlns="${metadataNamespace}">`, element('requestreason', reason), '</requestsnapshot>', ''].join('\r\n');
