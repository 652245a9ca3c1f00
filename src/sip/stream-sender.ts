/**
 * Which participant speaks on a media line (RFC 7865 §6.8).
 *
 * The ids decide: several makers list streams and participants in different orders. Only where a
 * document ties no ids is the order believed, and only when it can mean one thing: as many
 * streams without a sender as participants without a stream.
 */
import type { MetadataParticipant, MetadataStream, RecordingMetadata } from './siprec-metadata.js';

/**
 * The sender of the stream with this label.
 *
 * @returns undefined when the label is unknown, or when neither ids nor order name one. Of several
 *          that send into the same (mixed) stream, the first.
 */
export function senderOf(metadata: RecordingMetadata, label: string): { aor: string; name?: string } | undefined {
  const stream = streamOf(metadata, label);
  const sender = stream === undefined ? undefined : senderOfStream(metadata, stream);
  if (sender === undefined) return undefined;
  return { aor: sender.aor, ...(sender.name === undefined ? {} : { name: sender.name }) };
}

/**
 * The stream that describes a media line.
 *
 * @param place which one of the lines that have no label it is, and of how many: where there are as many streams, they are in the same order
 */
export function streamOf(metadata: RecordingMetadata, label: string | undefined, place?: { readonly at: number; readonly of: number }): MetadataStream | undefined {
  if (label !== undefined && label !== '') return metadata.streams.find((candidate) => candidate.label === label);
  return place !== undefined && place.of === metadata.streams.length ? metadata.streams[place.at] : undefined;
}

export function senderOfStream(metadata: RecordingMetadata, stream: MetadataStream): MetadataParticipant | undefined {
  const { participants } = metadata;
  if (stream.id !== '') {
    const byId = participants.find(({ sends }) => sends.includes(stream.id)) ?? participants.find(({ stopped }) => stopped?.includes(stream.id));
    if (byId !== undefined) return byId;
  }
  return byOrder(metadata, stream);
}

function byOrder(metadata: RecordingMetadata, stream: MetadataStream): MetadataParticipant | undefined {
  const streamIds = new Set(metadata.streams.map(({ id }) => id).filter((id) => id !== ''));
  const sent = new Set(metadata.participants.flatMap(({ sends, stopped = [] }) => [...sends, ...stopped]));
  const streams = metadata.streams.filter(({ id }) => !sent.has(id));
  // An association with a stream that the document does not have ties nothing.
  const silent = metadata.participants.filter(({ sends, stopped = [] }) => ![...sends, ...stopped].some((id) => streamIds.has(id)));
  if (streams.length !== silent.length) return undefined;
  return silent[streams.indexOf(stream)];
}
