/**
 * What a recording session is told beside its media: whether it is to be kept, and for how long, when copying paused,
 * who said so, whether the keys that are pressed stay out of it.
 *
 * It travels as an extension element of the metadata, in a namespace of our own at the end of `<recording>`, where
 * RFC 7865 §6 leaves room for it; recorders of other makers pass over it.
 *
 * Owns       the element, both ways, and its bounds.
 * Leaves to  encode-metadata.ts and siprec-metadata.ts the document; proxy/ who may say what.
 */
import { element, open } from './xml-elements.js';
import type { XmlElement } from './xml.js';

export const controlNamespace = 'urn:x-twintrack:recording-control:1';

export interface RecordingControl {
  /** False: nobody has asked for this recording yet; it is discarded unless somebody does. */
  readonly keep: boolean;
  /** Stretches that are not copied, unix ms of the client's clock; one that lasts has no end. In order of time. */
  readonly pauses: readonly { readonly fromMs: number; readonly toMs?: number }[];
  readonly said: readonly { readonly atMs: number; readonly command: string; readonly by: string }[];
  readonly tags: Readonly<Record<string, string>>;
  /** For how long it is kept, unix ms; without an end where none is said. Absent: the class `standard`, without an end. */
  readonly retention?: { readonly class: string; readonly untilMs?: number };
  /** True: the recording does not tell which keys were pressed. */
  readonly dtmfMasked?: boolean;
}

/** What is beyond these is left out when reading: the lists come from the network. */
export const controlBounds = { pauses: 256, said: 64, tags: 32, nameChars: 64, valueChars: 256 } as const;

/** The element, for the end of a metadata document. */
export function encodeControl({ keep, pauses, said, tags, retention, dtmfMasked }: RecordingControl): string {
  const attributes = {
    xmlns: controlNamespace,
    keep: String(keep),
    retention: retention?.class,
    until: retention?.untilMs === undefined ? undefined : iso(retention.untilMs),
    dtmf: dtmfMasked === true ? 'masked' : undefined,
  };
  return open('control', attributes, [
    ...pauses.map(({ fromMs, toMs }) => open('pause', { from: iso(fromMs), to: toMs === undefined ? undefined : iso(toMs) }, [])),
    ...said.map(({ atMs, command, by }) => open('said', { at: iso(atMs), command, by }, [])),
    ...Object.entries(tags).map(([name, value]) => open('tag', { name }, [element('value', value)])),
  ]);
}

/** Undefined when the document has none, or one that does not say whether to keep: then the recording is kept. */
export function readControl(root: XmlElement): RecordingControl | undefined {
  const control = root.children.find(({ name, namespace }) => name === 'control' && namespace === controlNamespace);
  const keep = control?.attributes.get('keep');
  if (control === undefined || (keep !== 'true' && keep !== 'false')) return undefined;
  const retention = textOf(control, 'retention');
  const untilMs = instantOf(control, 'until');
  const all = (name: string, limit: number): readonly XmlElement[] => control.children.filter((child) => child.name === name).slice(0, limit);
  return {
    keep: keep === 'true',
    pauses: all('pause', controlBounds.pauses).flatMap((pause) => {
      const [fromMs, toMs] = [instantOf(pause, 'from'), instantOf(pause, 'to')];
      return fromMs === undefined ? [] : [{ fromMs, ...(toMs === undefined ? {} : { toMs }) }];
    }),
    said: all('said', controlBounds.said).flatMap((said) => {
      const atMs = instantOf(said, 'at');
      const [command, by] = [textOf(said, 'command'), textOf(said, 'by')];
      return atMs === undefined ? [] : [{ atMs, command, by }];
    }),
    ...(retention === '' ? {} : { retention: { class: retention, ...(untilMs === undefined ? {} : { untilMs }) } }),
    ...(control.attributes.get('dtmf') === 'masked' ? { dtmfMasked: true } : {}),
    tags: Object.fromEntries(
      all('tag', controlBounds.tags).map((tag) => [textOf(tag, 'name'), (tag.children.find(({ name }) => name === 'value')?.text ?? '').slice(0, controlBounds.valueChars)]),
    ),
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();

const textOf = (element: XmlElement, name: string): string => (element.attributes.get(name) ?? '').slice(0, controlBounds.nameChars);

function instantOf(element: XmlElement, name: string): number | undefined {
  const atMs = Date.parse(element.attributes.get(name) ?? '');
  return Number.isNaN(atMs) ? undefined : atMs;
}
