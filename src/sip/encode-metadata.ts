/**
 * Writing the metadata of a recording session (RFC 7865 §5, §6, and its XML schema).
 *
 * Strict where reading is liberal: the namespace, the attribute names and the order of elements
 * are the RFC's, since some servers swap the channels of anything else.
 */
import assert from 'node:assert/strict';

import { encodeControl } from './recording-control.js';
import { randomUuid } from './session-id.js';
import type { MetadataParticipant, MetadataSession, RecordingMetadata } from './siprec-metadata.js';
import { element, open } from './xml-elements.js';

export const metadataNamespace = 'urn:ietf:params:xml:ns:recording:1';
export const metadataContentType = 'application/rs-metadata+xml';

/** Times are RFC 3339, with a zone. */
export interface MetadataTimes {
  /** Since when sessions, participants and streams belong together. */
  associatedAt: string;
  /** When the communication sessions ended, once they have. */
  stoppedAt?: string;
}

/**
 * A document of everything given; every participant takes part in every session (§6.6).
 *
 * Every id must be present: an id of ours is base64 of a UUID (§6.10), see `newMetadataId`.
 */
export function encodeMetadata(metadata: RecordingMetadata & MetadataTimes): string {
  const { sessions, participants, streams } = metadata;
  assert([...sessions, ...participants, ...streams].every((element) => element.id !== ''), 'every element has its id');
  const associated = element('associate-time', metadata.associatedAt);
  const groupIds = new Set([metadata.groupId, ...sessions.map((session) => session.groupId)]);
  const lines = [
    ...(metadata.dataMode === undefined ? [] : [element('datamode', metadata.dataMode)]),
    ...[...groupIds].flatMap((id) => (id === undefined ? [] : [open('group', { group_id: id }, [associated])])),
    ...sessions.map((session) => sessionElement(session, metadata.stoppedAt)),
    ...participants.map(participantElement),
    ...streams.map((stream) =>
      open('stream', { stream_id: stream.id, session_id: stream.sessionId }, [element('label', stream.label)]),
    ),
    ...sessions.map((session) => open('sessionrecordingassoc', { session_id: session.id }, [associated])),
    ...participants.flatMap((participant) =>
      sessions.map((session) =>
        open('participantsessionassoc', { participant_id: participant.id, session_id: session.id }, [associated]),
      ),
    ),
    ...participants.map((participant) =>
      open('participantstreamassoc', { participant_id: participant.id }, [
        ...participant.sends.map((id) => element('send', id)),
        ...participant.receives.map((id) => element('recv', id)),
        associated,
      ]),
    ),
    ...(metadata.control === undefined ? [] : [encodeControl(metadata.control)]),
  ];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<recording xmlns="${metadataNamespace}">`,
    ...lines,
    '</recording>',
    '',
  ].join('\r\n');
}

/** A new id for a group, session, participant or stream: a UUID in base64 (RFC 7865 §6.10). */
export function newMetadataId(random: (bytes: number) => Buffer): string {
  return randomUuid(random).toString('base64');
}

function sessionElement(session: MetadataSession, stoppedAt: string | undefined): string {
  return open('session', { session_id: session.id }, [
    ...session.sipSessionIds.map((id) => element('sipSessionID', id)),
    ...(session.groupId === undefined ? [] : [element('group-ref', session.groupId)]),
    ...(session.startedAt === undefined ? [] : [element('start-time', session.startedAt)]),
    ...(stoppedAt === undefined ? [] : [element('stop-time', stoppedAt)]),
  ]);
}

function participantElement(participant: MetadataParticipant): string {
  const name = participant.name === undefined ? [] : [element('name', participant.name)];
  return open('participant', { participant_id: participant.id }, [open('nameID', { aor: participant.aor }, name)]);
}
