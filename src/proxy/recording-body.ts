/**
 * What a recorder is told of a call: the offer of its media and the metadata beside it (RFC 7866 §6, RFC 7865), and
 * whether the keys in it may travel.
 *
 * Owns       the IDs of the metadata, which are the same to every recorder of the call.
 * Leaves to  the anchor the media; recording-dialog.ts the sending.
 */
import { randomBytes } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { sides, type RecordingOffer, type Side } from '../anchor/index.js';
import { Failure } from '../errors/index.js';
import { encodeMetadata, encodeMultipart, metadataContentType, newMetadataId, parseSipUri, type RecordingControl } from '../sip/index.js';
import type { ProxySettings } from './settings.js';

export interface Party {
  /** SIP URI. */
  readonly aor: string;
  readonly name?: string;
}

/** The call, as its recorders know it. */
export interface RecordedSession {
  readonly sessionId: string;
  /** The communication session's RFC 7989 header value. */
  readonly sipSessionId: string;
  readonly startedAt: Date;
  readonly caller: Party;
  readonly callee: Party;
}

export interface RecordingBody {
  readonly contentType: string;
  readonly body: string;
  readonly holdsKeys: boolean;
}

const newId = (): string => newMetadataId(randomBytes);
const labels = { caller: '1', callee: '2' } as const satisfies Record<Side, string>;

export class RecordingBodies {
  readonly #session: RecordedSession;
  readonly #ids = { session: newId(), caller: newId(), callee: newId(), streams: { caller: newId(), callee: newId() } };

  constructor(session: RecordedSession) {
    this.#session = session;
  }

  /**
   * What differs from what was told before is another body; `content` is the same where nothing but the version of the
   * SDP differs (RFC 8866 §5.2).
   *
   * @param of whose streams are offered
   */
  make(made: RecordingOffer, wishes: RecordingControl | undefined, of: readonly Side[], keys: ProxySettings['recording']['keys']): { readonly content: string; readonly body: RecordingBody } {
    const offer = keys === 'none' ? { sdp: made.sdp.replace(/^a=crypto:.*\r?\n/gmu, ''), holdsKeys: false } : made;
    const body = encodeMultipart(
      [
        { contentType: 'application/sdp', content: offer.sdp },
        { contentType: metadataContentType, disposition: 'recording-session', content: this.#metadata(wishes, of) },
      ],
      `twintrack-${randomBytes(12).toString('hex')}`,
    );
    return { content: offer.sdp.replace(/^o=.*$/m, '') + JSON.stringify(wishes ?? {}), body: { ...body, holdsKeys: offer.holdsKeys } };
  }

  #metadata(control: RecordingControl | undefined, of: readonly Side[]): string {
    const { sipSessionId, startedAt } = this.#session;
    const ids = this.#ids;
    const streamOf = (side: Side): string[] => (of.includes(side) ? [ids.streams[side]] : []);
    return encodeMetadata({
      dataMode: 'complete',
      associatedAt: startedAt.toISOString(),
      sessions: [{ id: ids.session, sipSessionIds: [sipSessionId], startedAt: startedAt.toISOString() }],
      participants: [
        { id: ids.caller, ...this.#session.caller, sends: streamOf('caller'), receives: streamOf('callee') },
        { id: ids.callee, ...this.#session.callee, sends: streamOf('callee'), receives: streamOf('caller') },
      ],
      streams: sides.flatMap((side) => streamOf(side).map((id) => ({ id, label: labels[side], sessionId: ids.session }))),
      ...(control === undefined ? {} : { control }),
    });
  }
}

/** @throws Failure KEYS_NOT_FORWARDABLE where somebody could read them on their way. */
export function checkKeysMayTravel(recorder: string, keysInClear: boolean, verifiesTls: boolean): void {
  const uri = parseSipUri(recorder);
  const host = typeof uri === 'string' ? '' : uri.host;
  const byTls = typeof uri !== 'string' && (uri.scheme === 'sips' || uri.params.get('transport')?.toLowerCase() === 'tls');
  if (keysInClear || (byTls && verifiesTls) || host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))) return;
  throw new Failure(
    'KEYS_NOT_FORWARDABLE',
    `SRTP keys are not sent unencrypted to ${host}: place the recorder on this machine, reach it by TLS with a certificate that is verified, set recording.keysInClear, or set recording.keys to none and send them sealed`,
  );
}
