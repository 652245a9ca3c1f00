/**
 * Reading the metadata of a recording session (RFC 7865).
 *
 * It is total, and liberal in the ways real clients demand: any namespace that the root has, ids as
 * `stream_id` or `id`, `<send>` within an association, straight under its participant or with an
 * `<id>` inside, associations left out. An element of a namespace other than the root's is an
 * extension, even when it bears a name of ours.
 *
 * Owns       what the document says, ids as written.
 * Leaves to  stream-sender.ts who sends what when ids are missing; the recorder what a change of
 *            metadata means.
 */
import { readControl, type RecordingControl } from './recording-control.js';
import { readXml, xmlRejects, type XmlElement } from './xml.js';

export interface MetadataSession {
  id: string;
  groupId?: string;
  /** RFC 7989 values (`local;remote=…`) or whatever the client wrote: some put the Call-ID here. */
  sipSessionIds: readonly string[];
  /** As written: RFC 3339 by the book, but often without a zone, or nonsense. */
  startedAt?: string;
}

export interface MetadataParticipant {
  id: string;
  /** A URI: `sip:` is put before an address that lacks its scheme. Empty when there is none. */
  aor: string;
  name?: string;
  /** Stream ids. */
  sends: readonly string[];
  receives: readonly string[];
}

export interface MetadataStream {
  id: string;
  /** The a=label of the media line it describes (RFC 4574); empty when there is none. */
  label: string;
  sessionId?: string;
}

/** Ids are empty where the document has none; an empty id equals no other. */
export interface RecordingMetadata {
  /** RFC 7865 §6.1: `partial` holds only what has changed. */
  dataMode: 'complete' | 'partial' | undefined;
  groupId?: string;
  sessions: readonly MetadataSession[];
  participants: readonly MetadataParticipant[];
  streams: readonly MetadataStream[];
  /** Our own extension; absent in what other makers' clients send. */
  control?: RecordingControl;
}

export const metadataRejects = [...xmlRejects, 'not-metadata'] as const;
export type MetadataReject = (typeof metadataRejects)[number];

/** A conference has tens of participants; the same bound holds for each kind of element. */
const maxElements = 512;
const roots = new Set(['recording', 'recording_metadata', 'recording-metadata']);
/** Early drafts nest what RFC 7865 §5 lists side by side. */
const containers = new Set(['recording', 'group', 'session']);

/**
 * Reads a metadata document.
 *
 * @returns what it says; or why not: the reasons of `readXml`; `too-many-elements` also for over 512
 *          of one kind; `not-metadata` (another root).
 */
export function parseMetadata(xml: string): RecordingMetadata | MetadataReject {
  const root = readXml(xml);
  if (typeof root === 'string') return root;
  if (!roots.has(root.name)) return 'not-metadata';
  const found = new Map<string, XmlElement[]>();
  collect(root, root.namespace, found);
  if ([...found.values()].some((elements) => elements.length > maxElements)) return 'too-many-elements';

  const all = (name: string): readonly XmlElement[] => found.get(name) ?? [];
  const groupId = idOf(all('group')[0], 'group');
  const dataMode = all('datamode')[0]?.text.toLowerCase();
  const control = readControl(root);
  return {
    dataMode: dataMode === 'complete' || dataMode === 'partial' ? dataMode : undefined,
    ...(groupId === '' ? {} : { groupId }),
    sessions: all('session').map((session) => readSession(session, all('sessionrecordingassoc'))),
    participants: readParticipants(all('participant'), all('participantstreamassoc')),
    streams: all('stream').map(readStream),
    ...(control === undefined ? {} : { control }),
  };
}

function collect(parent: XmlElement, namespace: string | undefined, into: Map<string, XmlElement[]>): void {
  for (const child of parent.children) {
    if (child.namespace !== undefined && child.namespace !== namespace) continue;
    const known = into.get(child.name);
    if (known === undefined) into.set(child.name, [child]);
    else known.push(child);
    if (containers.has(child.name)) collect(child, namespace, into);
  }
}

function readSession(session: XmlElement, associations: readonly XmlElement[]): MetadataSession {
  const id = idOf(session, 'session');
  const groupId = textOf(session, 'group-ref') || (session.attributes.get('group') ?? '').trim();
  const association = id === '' ? undefined : associations.find((element) => idOf(element, 'session') === id);
  const startedAt =
    textOf(session, 'start-time') || textOf(session, 'associate-time') || textOf(association, 'associate-time');
  return {
    id,
    ...(groupId === '' ? {} : { groupId }),
    sipSessionIds: textsOf(session, 'sipsessionid'),
    ...(startedAt === '' ? {} : { startedAt }),
  };
}

function readParticipants(
  elements: readonly XmlElement[],
  associations: readonly XmlElement[],
): readonly MetadataParticipant[] {
  const participants = new Map<string, MetadataParticipant>();
  for (const [index, element] of elements.entries()) {
    const id = idOf(element, 'participant');
    const own = id === '' ? [] : associations.filter((association) => idOf(association, 'participant') === id);
    const read = readParticipant(id, element, own);
    // One that takes part in two sessions may be listed for each.
    const key = id === '' ? `no id ${index}` : `id ${id}`;
    const known = participants.get(key);
    participants.set(key, known === undefined ? read : merge(known, read));
  }
  return [...participants.values()];
}

function readParticipant(id: string, element: XmlElement, associations: readonly XmlElement[]): MetadataParticipant {
  const nameIds = element.children.filter((child) => child.name === 'nameid');
  const nameId = nameIds.find((child) => child.attributes.has('aor')) ?? nameIds[0];
  const aor = nameId?.attributes.get('aor') ?? nameId?.text ?? '';
  const name = textOf(nameId, 'name') || textOf(element, 'name');
  const streams = (...names: string[]): string[] =>
    unique([element, ...associations].flatMap((from) => names.flatMap((tag) => streamIds(from, tag))));
  return {
    id,
    aor: withScheme(aor || textOf(element, 'aor')),
    ...(name === '' ? {} : { name }),
    sends: streams('send'),
    receives: streams('recv', 'receive'),
  };
}

function merge(one: MetadataParticipant, other: MetadataParticipant): MetadataParticipant {
  const name = one.name ?? other.name;
  return {
    id: one.id,
    aor: one.aor || other.aor,
    ...(name === undefined ? {} : { name }),
    sends: unique([...one.sends, ...other.sends]),
    receives: unique([...one.receives, ...other.receives]),
  };
}

function readStream(stream: XmlElement): MetadataStream {
  const sessionId = (stream.attributes.get('session_id') ?? stream.attributes.get('session') ?? '').trim();
  return {
    id: idOf(stream, 'stream'),
    label: textOf(stream, 'label') || (stream.attributes.get('label') ?? '').trim(),
    ...(sessionId === '' ? {} : { sessionId }),
  };
}

/** `<send>ID</send>`, `<send><id>ID</id></send>` or `<send id="ID"/>`. */
function streamIds(element: XmlElement, tag: string): string[] {
  const ids = element.children
    .filter((child) => child.name === tag)
    .map((child) => child.text || textOf(child, 'id') || idOf(child, 'stream'));
  return ids.filter((id) => id !== '');
}

function idOf(element: XmlElement | undefined, kind: string): string {
  const id = element?.attributes.get(`${kind}_id`) ?? element?.attributes.get('id') ?? '';
  return id.trim();
}

const textsOf = (element: XmlElement | undefined, name: string): string[] =>
  (element?.children ?? []).filter((child) => child.name === name && child.text !== '').map((child) => child.text);

const textOf = (element: XmlElement | undefined, name: string): string => textsOf(element, name)[0] ?? '';

const unique = (ids: readonly string[]): string[] => [...new Set(ids)];

/** SEMS and Ribbon leave the scheme out; a host and port is no scheme. */
function withScheme(aor: string): string {
  const address = aor.trim().replace(/^.*<([^>]*)>.*$/s, '$1').trim();
  return address === '' || /^(?:sips?|tel|urn|im|pres|mailto|xmpp|h323):/i.test(address) ? address : `sip:${address}`;
}
