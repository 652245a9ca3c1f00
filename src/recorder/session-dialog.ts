/**
 * The SIP dialog of one recording session: whatever the client asks in it is answered, in order.
 *
 * Owns       the 2xx to the INVITE and the dialog that it makes; answers inside it; asking for metadata; asking whether
 *            anybody is still there.
 * Leaves to  the edge that there is one INVITE at a time (RFC 3261 §14.2) and session timers (RFC 4028);
 *            recording-session.ts what a change means.
 */
import { messageOf } from '../errors/index.js';
import {
  dialogOfCallee, encodeSnapshotRequest, hangUp, metadataContentType, onceAck, readBody, readSdp, releaseHeld, requestInDialog, respond, snapshotRequestType,
  type SipDialog, type SipHeaders, type SipRequest, type SipResponse,
} from '../sip/index.js';
import type { RecorderContext } from './context.js';
import { readRecordingOffer, rejectAdvice, speaksSiprec, type OfferReject, type RecordingOffer } from './offer.js';
import type { RecordingSession, SessionReply } from './recording-session.js';
import { recordingRequestOf } from './request.js';

const sdpType = 'application/sdp';
const allowed = 'INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO';
/** A client that keeps sending what cannot be used is not asked for ever. */
const mostSnapshotRequests = 3;
/** What says that the client does not know the session any more (RFC 3261 §12.2.1.2). */
const goneStatuses = new Set([404, 408, 410, 481]);

export interface SessionDialogOptions {
  readonly context: Pick<RecorderContext, 'sip' | 'log'>;
  readonly session: RecordingSession;
  readonly request: SipRequest;
  readonly response: SipResponse;
  readonly offer: RecordingOffer;
}

export const warningOf = (reject: OfferReject): SipHeaders => ({ Warning: `399 twintrack "${reject}: ${rejectAdvice[reject]}"` });

export class SessionDialog {
  readonly #options: SessionDialogOptions;
  readonly #maySnapshot: boolean;
  #dialog: SipDialog | undefined;
  #turn: Promise<void> = Promise.resolve();
  #snapshotRequests = 0;
  #asking = false;
  #timed = false;

  constructor(options: SessionDialogOptions) {
    this.#options = options;
    const { request, offer } = options;
    const read = recordingRequestOf(request);
    // RFC 3311 §4: whoever takes an UPDATE says so. RFC 7866 §9.2: no other request may ask for metadata, a re-INVITE neither.
    this.#maySnapshot = speaksSiprec(read, offer) && /(?:^|[\s,])UPDATE(?:$|[\s,])/iu.test(read.header('allow') ?? '');
  }

  /** Answers the INVITE; resolves when the dialog is there, or the client has given up and the session is over. */
  answer(reply: SessionReply): Promise<void> {
    const { context: { sip }, session, request, response } = this.#options;
    const headers = { ...this.#headersOfAnswer(), 'Content-Type': sdpType };
    return new Promise((resolve, reject) => {
      respond(response, { status: 200, reason: 'OK', headers, body: reply.sdp ?? '' }, (error, sent) => {
        try {
          if (sent === undefined) throw new Error(`the answer could not be sent: ${messageOf(error)}`);
          this.#timed = sent.has('session-expires');
          this.#follow(dialogOfCallee(sip.srf, request, response, sent), reply);
          resolve();
        } catch (cause) {
          void session.end('the client gave up');
          reject(cause instanceof Error ? cause : new Error(messageOf(cause)));
        }
      });
    });
  }

  /** Whether a session timer says if the client is there, so that nobody else need ask (RFC 4028). */
  get isTimed(): boolean {
    return this.#timed;
  }

  /** Asks the client whether the session is still its own; ends it where it is not, or nobody answers. */
  async ask(): Promise<void> {
    const { session } = this.#options;
    if (this.#dialog === undefined || this.#asking) return;
    this.#asking = true;
    try {
      const { status } = await requestInDialog(this.#dialog, { method: 'OPTIONS' });
      if (goneStatuses.has(status)) void session.end('the client does not know it any more');
      else session.heard();
    } catch {
      void session.end('the client does not answer any more');
    } finally {
      this.#asking = false;
    }
  }

  #follow(dialog: SipDialog, reply: SessionReply): void {
    const { session, offer } = this.#options;
    this.#dialog = dialog;
    dialog.on('destroy', () => {
      this.#dialog = undefined;
      void session.end('ended by the client');
    });
    dialog.on('modify', (request: SipRequest, response: SipResponse) => this.#inTurn(response, () => this.#change(dialog, request, response)));
    dialog.on('update', (request: SipRequest, response: SipResponse) => this.#inTurn(response, () => this.#change(dialog, request, response)));
    dialog.on('info', (request: SipRequest, response: SipResponse) => this.#inTurn(response, () => this.#change(dialog, request, response)));
    dialog.on('options', (_request: SipRequest, response: SipResponse) => {
      session.heard();
      response.send(200, { headers: { Allow: allowed, Accept: `${sdpType}, ${metadataContentType}` } });
    });
    dialog.on('refer', (_request: SipRequest, response: SipResponse) => response.send(501));
    this.#expectAck(dialog, reply, () => this.#wantSnapshot(offer));
    releaseHeld(dialog);
    void session.ending.then((reason) => {
      // A client that has not hung up learns that nobody listens any more, and may go elsewhere.
      if (this.#dialog !== undefined) void hangUp(this.#dialog, { Reason: `SIP;cause=503;text="${reason}"` });
      this.#dialog = undefined;
    });
  }

  #expectAck(dialog: SipDialog, reply: SessionReply, then: () => void): void {
    onceAck(dialog, (ack) => {
      if (reply.isOffer) {
        const { body } = ack;
        const parts = body.trim() === '' ? [] : readBody(recordingRequestOf(ack).contentType, body);
        const sdp = typeof parts === 'string' ? 'empty' : readSdp(parts.find(({ contentType }) => contentType === sdpType)?.content ?? '');
        if (typeof sdp !== 'string') this.#inTurn(undefined, () => this.#options.session.answered(sdp));
      }
      then();
    });
  }

  /** One request after the other; each of them gets an answer. */
  #inTurn(response: SipResponse | undefined, run: () => Promise<void>): void {
    this.#turn = this.#turn.then(run).catch((error: unknown) => {
      const { context: { log }, session } = this.#options;
      log.error({ sessionId: session.sessionId, reason: messageOf(error) }, 'a change of a recording session could not be taken; it goes on as it was');
      if (response?.finalResponseSent === false) response.send(500, { headers: { 'Retry-After': '5' } });
    });
  }

  async #change(dialog: SipDialog, request: SipRequest, response: SipResponse): Promise<void> {
    const { context: { log }, session } = this.#options;
    session.heard();
    if (session.endedBy !== undefined) {
      response.send(481);
      return;
    }
    const offer = readRecordingOffer(recordingRequestOf(request));
    const invites = request.method === 'INVITE';
    const reply = typeof offer === 'string' ? offer : await session.change(offer, invites);
    if (typeof reply === 'string') {
      log.warn({ sessionId: session.sessionId, reason: reply }, 'a change of a recording session cannot be recorded, and is refused; it goes on as it was');
      response.send(488, { headers: warningOf(reply) });
      return;
    }
    const wish = (): void => {
      if (typeof offer !== 'string') this.#wantSnapshot(offer);
    };
    if (invites) this.#expectAck(dialog, reply, wish);
    await new Promise<void>((resolve) => {
      const headers = { Allow: allowed, ...(reply.sdp === undefined ? {} : { 'Content-Type': sdpType }) };
      respond(response, { status: 200, reason: 'OK', headers, body: reply.sdp ?? '' }, (_error, sent) => {
        if (sent?.has('session-expires') === true) this.#timed = true;
        resolve();
      });
    });
    if (!invites) wish();
  }

  /** RFC 7866 §9.2: metadata that are missing, that cannot be read, or that change what was never told, are asked for. */
  #wantSnapshot({ metadata, metadataReject }: RecordingOffer): void {
    const { session } = this.#options;
    const useless = metadataReject !== undefined || (metadata?.dataMode === 'partial' && !session.isDescribed);
    if (!useless && session.isDescribed) return;
    if (!this.#maySnapshot || this.#dialog === undefined || this.#snapshotRequests >= mostSnapshotRequests) return;
    this.#snapshotRequests += 1;
    void this.#askForSnapshot(this.#dialog, metadataReject === undefined ? 'metadata are missing' : `metadata cannot be read: ${metadataReject}`);
  }

  async #askForSnapshot(dialog: SipDialog, reason: string): Promise<void> {
    const { context: { log }, session } = this.#options;
    const headers = { 'Content-Type': snapshotRequestType, 'Content-Disposition': 'recording-session' };
    try {
      const { status } = await requestInDialog(dialog, { method: 'UPDATE', headers, body: encodeSnapshotRequest(reason) });
      log.info({ sessionId: session.sessionId, reason, status }, 'the client was asked for all metadata');
    } catch (error) {
      log.warn({ sessionId: session.sessionId, reason: messageOf(error) }, 'the client could not be asked for metadata');
    }
  }

  #headersOfAnswer(): SipHeaders {
    const read = recordingRequestOf(this.#options.request);
    const siprec = speaksSiprec(read, this.#options.offer);
    const timer = timerOf(read.header);
    const required = [...(siprec ? ['siprec'] : []), ...(timer.byClient ? ['timer'] : [])];
    return {
      Contact: `<sip:twintrack@localhost>${siprec ? ';+sip.srs' : ''}`,
      Allow: allowed,
      ...(required.length === 0 ? {} : { Require: required.join(', ') }),
      ...(timer.header === undefined ? {} : { 'Session-Expires': timer.header }),
    };
  }
}

/** A client that asks for a session timer and leaves open who refreshes gets one, and refreshes if it can (RFC 4028 §9). */
function timerOf(header: (name: string) => string | undefined): { header?: string; byClient: boolean } {
  const asked = header('session-expires') ?? '';
  const seconds = /^\s*(\d{2,6})\s*(?:;|$)/u.exec(asked)?.[1];
  if (seconds === undefined || /;\s*refresher\s*=/iu.test(asked)) return { byClient: false };
  const byClient = /(?:^|[\s,])timer(?:$|[\s,])/iu.test(header('supported') ?? '');
  return { header: `${seconds};refresher=${byClient ? 'uac' : 'uas'}`, byClient };
}
