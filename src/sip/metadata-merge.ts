/**
 * What a recording session's metadata come to, snapshot after snapshot (RFC 7865 §6.1, RFC 7866 §9.1): pure.
 *
 * A complete document takes the place of what was known, a partial one changes what its ids name. Some clients call
 * complete what lists only one participant: without streams it changes what it names, like a partial one.
 *
 * A stream has one sender unless it is mixed, so whoever sends it by the newest document took the place of whoever did:
 * that is how a placeholder becomes the real party.
 */
import type { MetadataParticipant, MetadataStream, RecordingMetadata } from './siprec-metadata.js';

/** @param known all that was said before; undefined when nothing was */
export function mergeMetadata(known: RecordingMetadata | undefined, said: RecordingMetadata): RecordingMetadata {
  if (known === undefined || (said.dataMode !== 'partial' && said.streams.length > 0)) return said;
  const streams = mergeById(known.streams, said.streams, (before, now) => ({ ...before, ...now, label: now.label || before.label }));
  const hints = said.hints ?? known.hints;
  const control = said.control ?? known.control;
  const groupId = said.groupId ?? known.groupId;
  return {
    dataMode: known.dataMode,
    ...(groupId === undefined ? {} : { groupId }),
    sessions: mergeById(known.sessions, said.sessions, (before, now) => ({ ...before, ...now, sipSessionIds: now.sipSessionIds.length > 0 ? now.sipSessionIds : before.sipSessionIds })),
    participants: participantsOf(known.participants, said.participants, streams),
    streams,
    ...(said.paused === undefined ? (known.paused === undefined ? {} : { paused: known.paused }) : { paused: said.paused }),
    ...(hints === undefined ? {} : { hints }),
    ...(control === undefined ? {} : { control }),
  };
}

/** Whether it only makes sense with what came before, and nothing did. */
export const lacksBase = (known: RecordingMetadata | undefined, said: RecordingMetadata): boolean => known === undefined && said.dataMode === 'partial';

function participantsOf(known: readonly MetadataParticipant[], said: readonly MetadataParticipant[], streams: readonly MetadataStream[]): readonly MetadataParticipant[] {
  const mixed = new Set(streams.filter((stream) => stream.mixed === true).map(({ id }) => id));
  const saidIds = new Set(said.map(({ id }) => id));
  const takenOver = new Set(said.flatMap(({ sends }) => sends).filter((id) => !mixed.has(id)));
  const before = known.map((participant) =>
    saidIds.has(participant.id) && participant.id !== '' ? participant : { ...participant, sends: participant.sends.filter((id) => !takenOver.has(id)) },
  );
  return mergeById(before, said, mergeParticipant).filter(({ left }) => left !== true);
}

function mergeParticipant(before: MetadataParticipant, now: MetadataParticipant): MetadataParticipant {
  const stopped = new Set(now.stopped);
  const name = now.name ?? before.name;
  return {
    id: before.id,
    aor: now.aor || before.aor,
    ...(name === undefined ? {} : { name }),
    sends: now.sends.length > 0 ? now.sends : before.sends.filter((id) => !stopped.has(id)),
    receives: now.receives.length > 0 ? now.receives : before.receives,
    ...(now.left === true ? { left: true } : {}),
    stopped: unique([...(before.stopped ?? []), ...stopped]).filter((id) => !now.sends.includes(id)),
  };
}

/** More would be a client that never says the same id twice. */
const mostElements = 512;

function mergeById<Element extends { id: string }>(known: readonly Element[], said: readonly Element[], merge: (before: Element, now: Element) => Element): readonly Element[] {
  const merged = [...known];
  for (const now of said) {
    const at = now.id === '' ? -1 : merged.findIndex(({ id }) => id === now.id);
    const before = merged[at];
    if (before === undefined) merged.push(now);
    else merged[at] = merge(before, now);
  }
  return merged.slice(-mostElements);
}

const unique = (ids: readonly string[]): string[] => [...new Set(ids)];
