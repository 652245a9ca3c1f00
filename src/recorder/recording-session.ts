/**
 * One recording session, from the server's side (SRS, RFC 7866 §7).
 *
 * Owns       the capture of the session, what it says of the lines, and its end.
 * Leaves to  session-lines.ts the media; session-dialog.ts the SIP; the stitcher everything that the packets mean.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { encodePairedBy, openCaptureWriter, type CaptureControl, type CaptureStream, type CaptureWriter } from '../capture/index.js';
import type { Failure } from '../errors/index.js';
import { lacksBase, mergeMetadata, type BuiltInBridge, type RecordingMetadata, type Sdp } from '../sip/index.js';
import { sealSecret } from '../vault/index.js';
import { captureFileName } from './capture-name.js';
import type { RecorderContext } from './context.js';
import { nowMs } from './intake.js';
import { rejectOfAll } from './line-answer.js';
import type { LineRole } from './line-roles.js';
import { partiesOf } from './line-parties.js';
import { isRecordable, needsWebSocket, type OfferReject, type RecordingOffer } from './offer.js';
import { SessionLines, type TakenLine } from './session-lines.js';

/** The last packets of a call may come after the BYE, which takes another way. */
const lastPacketsMs = 200;
/** A disk that hangs may not keep a client from learning that it is to go elsewhere. */
const lastFlushMs = 2_000;

/** What is to be sent back: an answer, an offer where one was asked for, or nothing. */
export interface SessionReply {
  readonly sdp: string | undefined;
  /** The client's answer to it comes in the ACK. */
  readonly isOffer: boolean;
}

export class RecordingSession {
  readonly #context: RecorderContext;
  readonly #writer: CaptureWriter;
  readonly #lines: SessionLines;
  readonly #path: string;
  readonly sessionId: string;
  readonly captureId: string;
  #metadata: RecordingMetadata | undefined;
  #bridge: BuiltInBridge | undefined;
  #participants: ReadonlyMap<number, string> = new Map();
  #taken: readonly TakenLine[] = [];
  #roles: ReadonlyMap<number, LineRole> = new Map();
  #sealed = new Map<string, string>();
  #toldStreams = '';
  /** What the client last said of the recording, to see whether it says something else. */
  #told: string | undefined;
  #ending: Promise<void> | undefined;
  #endedBy = '';
  /** Why the capture ends before its call does. */
  #failed: string | undefined;
  #lastHeardAtMs = performance.now();
  #packetsHeard = 0;
  #tellEnded: () => void = () => undefined;
  #tellEnding: (reason: string) => void = () => undefined;
  /** Resolves, with why, when it begins to end. */
  readonly ending = new Promise<string>((resolve) => (this.#tellEnding = resolve));
  /** Resolves when the capture is closed. */
  readonly ended = new Promise<void>((resolve) => (this.#tellEnded = resolve));

  /**
   * Opens sockets and capture for an offer.
   *
   * @param pairedRoles of its lines, by their place, where it is paired with a session that nothing but media addresses tells to be of its call
   * @throws Failure PORTS_EXHAUSTED, MEDIA_BIND, CAPTURE_WRITE: nothing stays open.
   */
  static async open(context: RecorderContext, sessionId: string, offer: RecordingOffer, pairedRoles?: ReadonlyMap<number, LineRole>): Promise<{ session: RecordingSession; reply: SessionReply } | OfferReject> {
    const captureId = randomUUID();
    const control = offer.metadata?.control;
    const path = join(context.captureDir, captureFileName(captureId, sessionId));
    let failed: (failure: Failure) => void = () => undefined;
    const keysMayFollow = context.settings.keylessSrtp === 'record' || control !== undefined;
    const reject = rejectOf(context, offer, keysMayFollow) ?? (offer.sdp?.media.some(isRecordable) === false ? 'no-audio' : undefined);
    if (reject !== undefined) return reject;
    const writer = await openCaptureWriter(
      path,
      context.sealTo,
      { captureId, sessionId, recorder: context.settings.name, metadata: pairedRoles === undefined ? {} : encodePairedBy('media-address'), ...(control === undefined ? {} : { control }) },
      {
        flushMs: context.settings.flushMs,
        syncMs: context.settings.syncMs,
        journal: context.journal,
        onFailure: (failure) => {
          context.onCaptureFailure(failure, sessionId);
          failed(failure);
        },
      },
    );
    const session = new RecordingSession(context, writer, sessionId, captureId, path);
    failed = (failure) => session.#fail(failure);
    session.#told = JSON.stringify(control);
    session.#roles = pairedRoles ?? new Map();
    try {
      const reply = await session.change(offer, true);
      if (typeof reply !== 'string') return { session, reply };
      await session.end('refused');
      return reply;
    } catch (error) {
      await session.end('could not be opened');
      throw error;
    }
  }

  private constructor(context: RecorderContext, writer: CaptureWriter, sessionId: string, captureId: string, path: string) {
    this.#context = context;
    this.#writer = writer;
    this.sessionId = sessionId;
    this.captureId = captureId;
    this.#path = path;
    this.#lines = new SessionLines({
      context,
      writer,
      sessionId,
      onGone: () => {
        this.#failed = 'the switch sent no audio any more, or never did';
        void this.end('no audio comes');
      },
    });
    void this.#note(context.ledger.captureOpened({ captureId, sessionId, recorder: context.settings.name, path, openedAtMs: Date.now() }));
  }

  /** Whether parties are known by metadata that are whole: if not, the client may be asked for them. */
  get isDescribed(): boolean {
    return this.#metadata !== undefined || this.#bridge !== undefined || this.#participants.size > 0;
  }

  /** How long neither media nor signalling has come. */
  get silentMs(): number {
    const { packets } = this.#writer.stats;
    if (packets !== this.#packetsHeard) {
      this.#packetsHeard = packets;
      this.heard();
    }
    return performance.now() - this.#lastHeardAtMs;
  }

  /** The client has said something. */
  heard(): void {
    this.#lastHeardAtMs = performance.now();
  }

  /**
   * Takes what a request of the client says. What it means for the recording is in the file before it is answered.
   *
   * @param invites whether the request is an INVITE, which without SDP asks for an offer
   * @throws Failure PORTS_EXHAUSTED, MEDIA_BIND
   */
  async change(offer: RecordingOffer, invites: boolean): Promise<SessionReply | OfferReject> {
    const keysMayFollow = this.#keysMayFollow(offer);
    const reject = rejectOf(this.#context, offer, keysMayFollow);
    if (reject !== undefined) return reject;
    let reply: SessionReply = { sdp: undefined, isOffer: false };
    if (offer.sdp !== undefined) {
      const taken = await this.#lines.take(offer.sdp, keysMayFollow);
      this.#taken = taken.lines;
      reply = { sdp: taken.answer, isOffer: false };
    } else if (invites) {
      reply = { sdp: await this.#lines.offer(), isOffer: true };
      if (this.#taken.length === 0) this.#taken = this.#lines.offered();
    }
    this.#learn(offer);
    await this.#tellStreams();
    await this.#heed(offer.metadata?.control);
    return reply;
  }

  /** The client's answer to an offer of ours. */
  async answered(answer: Sdp): Promise<void> {
    const taken = this.#lines.answeredBy(answer);
    if (taken.length > 0) this.#taken = taken;
    await this.#tellStreams();
  }

  /** Some times a second: what is written is what may be reported as received. After a failure nothing more is written. */
  mark(): void {
    if (this.#failed !== undefined) return;
    const { packets, writtenPackets } = this.#writer.stats;
    this.#lines.mark(packets, writtenPackets);
  }

  report(atMs: number): void {
    this.#lines.report(atMs);
  }

  /** Ends a session that its client wants to go on: what has come is written and reported before, so that the next recorder need not get it again. A disk that hangs is waited for two seconds. */
  async leave(reason: string): Promise<void> {
    await Promise.race([this.#writer.flush(), delay(lastFlushMs, undefined, { ref: false })]);
    this.mark();
    this.report(nowMs());
    await this.end(reason);
  }

  /** Ends the capture; resolves when it is closed. Idempotent. */
  end(reason: string): Promise<void> {
    if (this.#ending === undefined) {
      this.#endedBy = reason;
      this.#tellEnding(reason);
      this.#ending = this.#end(reason);
    }
    return this.#ending;
  }

  /** Why it has ended, or is about to; undefined while it runs. */
  get endedBy(): string | undefined {
    return this.#ending === undefined ? undefined : this.#endedBy;
  }

  #keysMayFollow({ metadata }: RecordingOffer): boolean {
    // Clients of ours leave keys out where they come by themselves.
    return this.#context.settings.keylessSrtp === 'record' || metadata?.control !== undefined || this.#metadata?.control !== undefined;
  }

  #learn({ metadata, bridge, participants }: RecordingOffer): void {
    // Without what it is a change of, a partial document names parties still, and the client is asked for the rest.
    if (metadata !== undefined && (!lacksBase(this.#metadata, metadata) || metadata.streams.length > 0)) this.#metadata = mergeMetadata(this.#metadata, metadata);
    if (bridge !== undefined) this.#bridge = bridge;
    if (participants.size > 0) this.#participants = participants;
  }

  /** Nothing more is written: the client is told, which may have another recorder, or a call that must not go on without. */
  #fail(failure: Failure): void {
    this.#failed = `the recorder could not write it to its end (${String(failure.facts['errno'] ?? 'the disk failed')})`;
    // What was confirmed before; a new mark would count what was taken and is lost.
    this.report(nowMs());
    void this.end('the recording cannot be written');
  }

  async #end(reason: string): Promise<void> {
    await delay(lastPacketsMs);
    await this.#lines.close();
    const { packets, bytes, moreFollows, whole } = await this.#close(reason);
    this.#context.metrics.captureEnded(whole ? 'closed' : 'failed');
    const end = { state: whole ? 'closed' : 'cut', reason: this.#failed, atMs: Date.now(), packets, bytes, moreFollows } as const;
    // The ledger may be down for longer than anybody here should wait.
    void this.#note(this.#context.ledger.captureClosed(this.captureId, end)).then(() => this.#context.onCaptureClosed(this.sessionId));
    this.#tellEnded();
  }

  async #close(reason: string): Promise<{ packets: number; bytes: number; moreFollows: boolean; whole: boolean }> {
    // Of a failure onFailure has told; what was written before is still a capture, cut where the disk gave up.
    const { packets, bytes, moreFollows, state } = await this.#writer.close(reason);
    return { packets, bytes, moreFollows, whole: state === 'closed' };
  }

  /** What the client says of the recording is in the file before it is answered: a wish that was heard outlives a kill. */
  async #heed(control: CaptureControl | undefined): Promise<void> {
    if (control === undefined || JSON.stringify(control) === this.#told) return;
    this.#told = JSON.stringify(control);
    this.#writer.event({ type: 'control', control });
    await this.#writer.flush();
  }

  /** Writes down which streams there are and who sends them, where that has changed. */
  async #tellStreams(): Promise<void> {
    const described = { metadata: this.#metadata, bridge: this.#bridge, participants: this.#participants };
    const parties = partiesOf(described, this.#taken.map(({ media }) => media), this.#roles);
    this.#roles = new Map([...this.#roles, ...parties.map(({ index, role }) => [index, role] as const)]);
    const streams = await Promise.all(
      this.#taken.map(async ({ media, encrypted }): Promise<CaptureStream> => {
        const { role = 'other' as const, party = '', paused = false } = parties.find(({ index }) => index === media.index) ?? {};
        return {
          index: media.index,
          label: media.label ?? String(media.index + 1),
          role,
          party,
          codecs: media.codecs,
          direction: paused || media.direction === 'inactive' || media.direction === 'recvonly' ? 'inactive' : 'active',
          encrypted,
          sealedKeys: await Promise.all(media.crypto.map((line) => this.#seal(line))),
        };
      }),
    );
    const text = JSON.stringify(streams);
    if (text === this.#toldStreams) return;
    this.#toldStreams = text;
    this.#writer.event({ type: 'streams', streams });
  }

  /** A key that comes again is the same sealed one: what is sealed looks new each time. */
  async #seal(line: string): Promise<string> {
    const known = this.#sealed.get(line);
    if (known !== undefined) return known;
    const sealed = (await sealSecret(Buffer.from(line), this.#context.sealTo)).toString('base64');
    if (this.#sealed.size >= mostKeysKept) this.#sealed = new Map();
    this.#sealed.set(line, sealed);
    return sealed;
  }

  async #note(entry: Promise<void>): Promise<void> {
    try {
      await entry;
    } catch (error) {
      this.#context.onLedgerFailure(error, this.sessionId, this.#path);
    }
  }
}

/** Keys whose sealed form is remembered: those of the lines that there are, and of a few offers before. */
const mostKeysKept = 128;

/** What needs no sockets to be refused. */
function rejectOf({ audioSockets }: RecorderContext, { sdp }: RecordingOffer, keysMayFollow: boolean): OfferReject | undefined {
  if (sdp === undefined) return undefined;
  if (needsWebSocket(sdp)) return audioSockets === undefined ? 'no-web-socket' : undefined;
  return rejectOfAll(sdp.media.filter(isRecordable), keysMayFollow);
}
