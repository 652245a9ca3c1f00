/**
 * Reading the metadata of a recording session (RFC 7865).
 *
 * It is total, and liberal in the ways real clients demand: any namespace that the root has, ids as
 * `stream_id` or `id`, `<send>` within an association, straight under its participant or with an
 * `<id>` inside, associations left out. An element of a namespace other than the root's is an
 * extension, even when it bears a name of ours.
 *
 * Owns       what the document says, ids as written.
 * Leaves to  stream-sender.ts who sends what when ids are missing; metadata-merge.ts what a change of
 *            metadata changes; metadata-hints.ts what makers say beside the RFC.
 */
import { readHints, type MetadataHints } from './metadata-hints.js';
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
  /** Streams that it sends no more (RFC 7865 §6.8, `disassociate-time`). */
  stopped?: readonly string[];
  /** It has left every session that the document ties it to (§6.6). */
  left?: boolean;
}

export interface MetadataStream {
  id: string;
  /** The a=label of the media line it describes (RFC 4574); empty when there is none. */
  label: string;
  sessionId?: string;
  /** Several participants send it (`mode` of early drafts). */
  mixed?: boolean;
}

/** Ids are empty where the document has none; an empty id equals no other. */
export interface RecordingMetadata {
  /** RFC 7865 §6.1: `partial` holds only what has changed. */
  dataMode: 'complete' | 'partial' | undefined;
  groupId?: string;
  sessions: readonly MetadataSession[];
  participants: readonly MetadataParticipant[];
  streams: readonly MetadataStream[];
  /** Whether all its sessions are out of the recording for now (§6.5, `disassociate-time`); undefined when it says nothing of that. */
  paused?: boolean;
  hints?: MetadataHints;
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
  const hints = readHints(root);
  const paused = pausedBy(all('sessionrecordingassoc'), dataMode === 'partial');
  return {
    dataMode: dataMode === 'complete' || dataMode === 'partial' ? dataMode : undefined,
    ...(groupId === '' ? {} : { groupId }),
    sessions: all('session').map((session) => readSession(session, all('sessionrecordingassoc'))),
    participants: readParticipants(all('participant'), all('participantstreamassoc'), all('participantsessionassoc')),
    streams: all('stream').map(readStream),
    ...(paused === undefined ? {} : { paused }),
    ...(hints === undefined ? {} : { hints }),
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

/** Which of both times is the later one, where an association has both and they can be read: what was taken away may come back. */
function isOver(association: XmlElement): boolean {
  const ended = textOf(association, 'disassociate-time');
  return ended !== '' && !(Date.parse(textOf(association, 'associate-time')) > Date.parse(ended));
}

/** A complete document need not say that nothing is paused. */
function pausedBy(associations: readonly XmlElement[], partial: boolean): boolean | undefined {
  if (associations.length === 0) return undefined;
  if (associations.every(isOver)) return true;
  return partial ? false : undefined;
}

/** A partial document may tie streams to a participant that it does not describe again. */
function tiedOnly(elements: readonly XmlElement[], associations: readonly XmlElement[]): string[] {
  const described = new Set(elements.map((element) => idOf(element, 'participant')));
  return unique(associations.map((association) => idOf(association, 'participant'))).filter((id) => id !== '' && !described.has(id));
}

function readParticipants(
  elements: readonly XmlElement[],
  streams: readonly XmlElement[],
  sessions: readonly XmlElement[],
): readonly MetadataParticipant[] {
  const participants = new Map<string, MetadataParticipant>();
  const ofThat = (id: string, associations: readonly XmlElement[]): XmlElement[] =>
    id === '' ? [] : associations.filter((association) => idOf(association, 'participant') === id);
  const described: { id: string; element?: XmlElement }[] = elements.map((element) => ({ id: idOf(element, 'participant'), element }));
  const tied = tiedOnly(elements, [...streams, ...sessions]).map((id) => ({ id }));
  for (const [index, { id, element }] of described.concat(tied).entries()) {
    const stays = ofThat(id, sessions);
    const read = {
      ...readParticipant(id, element, ofThat(id, streams)),
      ...(stays.length > 0 && stays.every(isOver) ? { left: true } : {}),
    };
    // One that takes part in two sessions may be listed for each.
    const key = id === '' ? `no id ${index}` : `id ${id}`;
    const known = participants.get(key);
    participants.set(key, known === undefined ? read : merge(known, read));
  }
  return [...participants.values()];
}

function readParticipant(id: string, element: XmlElement | undefined, associations: readonly XmlElement[]): MetadataParticipant {
  const nameIds = (element?.children ?? []).filter((child) => child.name === 'nameid');
  const nameId = nameIds.find((child) => child.attributes.has('aor')) ?? nameIds[0];
  const aor = nameId?.attributes.get('aor') ?? nameId?.text ?? '';
  const name = textOf(nameId, 'name') || textOf(element, 'name');
  const live = associations.filter((association) => !isOver(association));
  const streams = (froms: readonly XmlElement[], ...names: string[]): string[] =>
    unique(froms.flatMap((from) => names.flatMap((tag) => streamIds(from, tag))));
  const own = element === undefined ? [] : [element];
  const sends = streams([...own, ...live], 'send');
  const stopped = streams(associations.filter(isOver), 'send').filter((stream) => !sends.includes(stream));
  return {
    id,
    aor: withScheme(aor || textOf(element, 'aor')),
    ...(name === '' ? {} : { name }),
    sends,
    receives: streams([...own, ...live], 'recv', 'receive'),
    ...(stopped.length === 0 ? {} : { stopped }),
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
    ...(one.stopped === undefined ? {} : { stopped: one.stopped }),
    ...(one.left === true && other.left === true ? { left: true } : {}),
  };
}

function readStream(stream: XmlElement): MetadataStream {
  const sessionId = (stream.attributes.get('session_id') ?? stream.attributes.get('session') ?? '').trim();
  return {
    id: idOf(stream, 'stream'),
    label: textOf(stream, 'label') || (stream.attributes.get('label') ?? '').trim(),
    ...(sessionId === '' ? {} : { sessionId }),
    ...(/^mixed$/iu.test(textOf(stream, 'mode')) ? { mixed: true } : {}),
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
