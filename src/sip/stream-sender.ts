/**
 * Which participant speaks on a media line (RFC 7865 §6.8).
 *
 * The ids decide: several makers list streams and participants in different orders. Only where a
 * document ties no ids is the order believed, and only when it can mean one thing: as many
 * streams without a sender as participants without a stream.
 */
import type { MetadataParticipant, RecordingMetadata } from './siprec-metadata.js';

/**
 * The sender of the stream with this label.
 *
 * @returns undefined when the label is unknown, or when neither ids nor order name one. Of several
 *          that send into the same (mixed) stream, the first.
 */
export function senderOf(metadata: RecordingMetadata, label: string): { aor: string; name?: string } | undefined {
  const stream = metadata.streams.find((candidate) => candidate.label === label);
  if (stream === undefined || label === '') return undefined;
  const byId = metadata.participants.find((participant) => stream.id !== '' && participant.sends.includes(stream.id));
  const sender = byId ?? byOrder(metadata, label);
  if (sender === undefined) return undefined;
  return { aor: sender.aor, ...(sender.name === undefined ? {} : { name: sender.name }) };
}

function byOrder(metadata: RecordingMetadata, label: string): MetadataParticipant | undefined {
  const streamIds = new Set(metadata.streams.map((stream) => stream.id).filter((id) => id !== ''));
  const sent = new Set(metadata.participants.flatMap((participant) => participant.sends));
  const streams = metadata.streams.filter((stream) => !sent.has(stream.id));
  // An association with a stream that the document does not have ties nothing.
  const silent = metadata.participants.filter((participant) => !participant.sends.some((id) => streamIds.has(id)));
  if (streams.length !== silent.length) return undefined;
  return silent[streams.findIndex((stream) => stream.label === label)];
}
