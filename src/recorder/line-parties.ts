/**
 * Who speaks on each line, out of whatever the client has said: metadata, Cisco's headers. Pure.
 */
import { parseSipUri, senderOfStream, streamOf, type BuiltInBridge, type MetadataHints, type MetadataParticipant, type RecordingMetadata, type SdpMedia } from '../sip/index.js';
import { castLines, type LineRole } from './line-roles.js';

export interface Described {
  readonly metadata?: RecordingMetadata | undefined;
  readonly bridge?: BuiltInBridge | undefined;
  /** URIs by the place of their line (NBR). */
  readonly participants?: ReadonlyMap<number, string> | undefined;
}

export interface LineParty {
  readonly index: number;
  readonly role: LineRole;
  /** SIP URI; empty when nobody says. */
  readonly party: string;
  /** The metadata say that nobody sends it for now. */
  readonly paused: boolean;
}

/** @param lines those that are recorded, in order */
export function partiesOf(described: Described, lines: readonly SdpMedia[], before: ReadonlyMap<number, LineRole> = new Map()): readonly LineParty[] {
  const { metadata, bridge, participants } = described;
  if (bridge !== undefined) {
    const [role, party] = bridge.side === 'near' ? (['caller', bridge.nearUri] as const) : (['callee', bridge.farUri] as const);
    return lines.map(({ index }, n) => ({ index, role: n === 0 ? role : 'other', party, paused: false }));
  }
  const unlabelled = lines.filter(({ label }) => label === undefined);
  const known = lines.map((media) => {
    const at = unlabelled.indexOf(media);
    const stream = metadata === undefined ? undefined : streamOf(metadata, media.label, at < 0 ? undefined : { at, of: unlabelled.length });
    const sender = metadata === undefined || stream === undefined ? undefined : senderOfStream(metadata, stream);
    const paused = metadata?.paused === true || (stream !== undefined && sender?.stopped?.includes(stream.id) === true);
    return {
      index: media.index,
      party: sender?.aor ?? participants?.get(media.index) ?? '',
      calling: sender === undefined || metadata === undefined ? undefined : (calls(sender, metadata.hints) ?? isHeardByFirst(metadata, sender, stream?.id)),
      paused,
    };
  });
  const roles = castLines(before, known);
  return known.map(({ index, party, paused }) => ({ index, role: roles.get(index) ?? 'other', party, paused }));
}

/** Whether a participant is the caller, as far as the client says. */
function calls({ id, aor }: MetadataParticipant, hints: MetadataHints | undefined): boolean | undefined {
  if (hints === undefined) return undefined;
  if (hints.callingParticipants.length > 0) return hints.callingParticipants.includes(id);
  if (hints.callingUri === undefined) return undefined;
  const [caller, speaker] = [userOf(hints.callingUri), userOf(aor)];
  return caller === '' || speaker === '' ? undefined : caller === speaker;
}

/** Of two participants, of whom the caller is named first: false for the stream that the second sends and the first, who sends none here, receives. */
function isHeardByFirst({ participants, streams }: RecordingMetadata, sender: MetadataParticipant, streamId: string | undefined): false | undefined {
  const [first, second, ...more] = participants;
  if (first === undefined || second !== sender || more.length > 0 || streams.length !== 1) return undefined;
  return streamId !== undefined && streamId !== '' && first.sends.length === 0 && first.receives.includes(streamId) ? false : undefined;
}

function userOf(uri: string): string {
  const parsed = parseSipUri(/^(?:sips?|tel):/iu.test(uri) ? uri : `sip:${uri}`);
  return parsed === 'malformed' ? '' : (parsed.user ?? '');
}
