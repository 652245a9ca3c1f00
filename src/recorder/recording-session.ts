/**
 * One recording session, from the server's side (SRS, RFC 7866 §7).
 *
 * Owns       the sockets and the capture of the session, and their end.
 * Leaves to  the stitcher everything that the packets mean.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openCaptureWriter, type CaptureControl, type CaptureStream, type CaptureWriter } from '../capture/index.js';
import type { Failure } from '../errors/index.js';
import { encodeCryptoLine, parseCryptoLine, singleKeyLines } from '../media/index.js';
import { encodeRecordingAnswer, hangUp, isWebSocket, type RecordingAnswerMedia, type SdpMedia, type SipDialog, type SipRequest, type SipResponse } from '../sip/index.js';
import { announcedAddress, openMediaSockets } from '../udp/index.js';
import { sealSecret } from '../vault/index.js';
import { captureFileName } from './capture-name.js';
import { Intake } from './intake.js';
import { isRecordable, needsWebSocket, partyOf, readRecordingOffer, samplesIn, type OfferReject, type RecordingOffer } from './offer.js';
import type { RecorderContext } from './context.js';
import { SocketIntake } from './socket-intake.js';

/** The last packets of a call may come after the BYE, which takes another way. */
const lastPacketsMs = 200;

const roles = ['caller', 'callee'] as const;

export class RecordingSession {
  readonly #context: RecorderContext;
  readonly #writer: CaptureWriter;
  readonly #intakes = new Map<number, Intake>();
  /** Of a session whose audio comes over WebSocket. */
  #socketIntake: SocketIntake | undefined;
  readonly #origin = String(Date.now());
  readonly #path: string;
  readonly sessionId: string;
  readonly captureId: string;
  #answerVersion = 0;
  /** What the client last said of the recording, to see whether it says something else. */
  #told: string | undefined;
  #dialog: SipDialog | undefined;
  #ending: Promise<void> | undefined;
  #endedBy = '';
  /** Why the capture ends before its call does. */
  #failed: string | undefined;
  #tellEnded: () => void = () => undefined;
  /** Resolves when the capture is closed. */
  readonly ended = new Promise<void>((resolve) => (this.#tellEnded = resolve));

  /**
   * Opens sockets and capture for an offer.
   *
   * @throws Failure PORTS_EXHAUSTED, MEDIA_BIND, CAPTURE_WRITE: nothing stays open.
   */
  static async open(context: RecorderContext, offer: RecordingOffer): Promise<{ session: RecordingSession; answer: string }> {
    const captureId = randomUUID();
    const control = offer.metadata?.control;
    const path = join(context.captureDir, captureFileName(captureId, offer.sessionId));
    let failed: (failure: Failure) => void = () => undefined;
    const writer = await openCaptureWriter(
      path,
      context.sealTo,
      { captureId, sessionId: offer.sessionId, recorder: context.settings.name, metadata: {}, ...(control === undefined ? {} : { control }) },
      {
        flushMs: context.settings.flushMs,
        syncMs: context.settings.syncMs,
        journal: context.journal,
        onFailure: (failure) => {
          context.onCaptureFailure(failure, offer.sessionId);
          failed(failure);
        },
      },
    );
    const session = new RecordingSession(context, writer, offer.sessionId, captureId, path);
    failed = (failure) => session.#fail(failure);
    session.#told = JSON.stringify(control);
    try {
      const answer = await session.#take(offer);
      return { session, answer };
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
    void this.#note(context.ledger.captureOpened({ captureId, sessionId, recorder: context.settings.name, path, openedAtMs: Date.now() }));
  }

  /** The dialog was made: from now on it says when the session changes and ends. */
  follow(dialog: SipDialog): void {
    // It may have ended while the client was being answered.
    if (this.#ending !== undefined) {
      void hangUp(dialog, hangUpHeaders(this.#endedBy));
      return;
    }
    this.#dialog = dialog;
    dialog.on('destroy', () => {
      this.#dialog = undefined;
      void this.end('ended by the client');
    });
    dialog.on('modify', (request: SipRequest, response: SipResponse) => {
      this.#change(request).then(
        (answer) => {
          if (typeof answer === 'string') response.send(488, { headers: { Warning: `399 twintrack "${answer}"` } });
          else response.send(200, { headers: { 'Content-Type': 'application/sdp' }, body: answer.sdp });
        },
        () => response.send(500),
      );
    });
  }

  /** Ends the capture; resolves when it is closed. Idempotent. */
  end(reason: string): Promise<void> {
    if (this.#ending === undefined) {
      this.#endedBy = reason;
      this.#ending = this.#end(reason);
    }
    return this.#ending;
  }

  /** Nothing more is written: the client is told, which may have another recorder, or a call that must not go on without. */
  #fail(failure: Failure): void {
    this.#failed = `the recorder could not write it to its end (${String(failure.facts['errno'] ?? 'the disk failed')})`;
    void this.end('the recording cannot be written');
  }

  async #end(reason: string): Promise<void> {
    // A client that has not hung up learns that nobody listens any more, and may go elsewhere.
    if (this.#dialog !== undefined) void hangUp(this.#dialog, hangUpHeaders(reason));
    await delay(lastPacketsMs);
    await Promise.all([...this.#intakes.values()].map((intake) => intake.close()));
    this.#socketIntake?.close();
    const { packets, bytes, whole } = await this.#close(reason);
    this.#context.metrics.captureEnded(whole ? 'closed' : 'failed');
    const end = { state: whole ? 'closed' : 'cut', reason: this.#failed, atMs: Date.now(), packets, bytes } as const;
    // The ledger may be down for longer than anybody here should wait.
    void this.#note(this.#context.ledger.captureClosed(this.captureId, end)).then(() => this.#context.onCaptureClosed(this.sessionId));
    this.#tellEnded();
  }

  async #close(reason: string): Promise<{ packets: number; bytes: number; whole: boolean }> {
    // Of a failure onFailure has told; what was written before is still a capture, cut where the disk gave up.
    const { packets, bytes, state } = await this.#writer.close(reason);
    return { packets, bytes, whole: state === 'closed' };
  }

  async #change(request: SipRequest): Promise<{ sdp: string } | OfferReject> {
    const offer = readRecordingOffer(recordingRequestOf(request));
    if (typeof offer === 'string') return offer;
    if (needsWebSocket(offer) && this.#context.audioSockets === undefined) return 'no-web-socket';
    const sdp = await this.#take(offer);
    await this.#heed(offer.metadata?.control);
    return { sdp };
  }

  /** What the client says of the recording is in the file before it is answered: a wish that was heard outlives a kill. */
  async #heed(control: CaptureControl | undefined): Promise<void> {
    if (control === undefined || JSON.stringify(control) === this.#told) return;
    this.#told = JSON.stringify(control);
    this.#writer.event({ type: 'control', control });
    await this.#writer.flush();
  }

  /** Takes an offer: sockets for new lines, the streams written down, the answer made. */
  async #take(offer: RecordingOffer): Promise<string> {
    const streams: CaptureStream[] = [];
    const answers: (RecordingAnswerMedia | undefined)[] = [];
    const webSocket = this.#invited(offer);
    for (const media of offer.sdp.media) {
      if (!isRecordable(media)) {
        answers.push(undefined);
        continue;
      }
      if (isWebSocket(media.protocol)) {
        const codec = samplesIn(media);
        if (codec === undefined || webSocket === undefined) {
          answers.push(undefined);
          continue;
        }
        streams.push(await this.#stream(offer, media));
        answers.push({ port: webSocket.port, codecs: [codec], rtcpMux: false, direction: media.direction === 'inactive' ? 'inactive' : 'recvonly', webSocket: webSocket.uri });
        continue;
      }
      const intake = await this.#intake(media.index);
      streams.push(await this.#stream(offer, media));
      answers.push({
        port: intake.port,
        codecs: media.codecs,
        rtcpMux: media.rtcpMux,
        direction: media.direction === 'inactive' ? 'inactive' : 'recvonly',
        ...ownCrypto(media),
      });
    }
    this.#writer.event({ type: 'streams', streams });
    return encodeRecordingAnswer(offer.sdp, {
      address: announcedAddress(this.#context.settings.media),
      origin: this.#origin,
      sessionVersion: ++this.#answerVersion,
      media: answers,
    });
  }

  /** Where the audio of an offer over WebSocket is to come, the same as long as the session is; undefined for other offers. */
  #invited(offer: RecordingOffer): { uri: string; port: number } | undefined {
    const { audioSockets, observer } = this.#context;
    const media = offer.sdp.media.filter((line) => isRecordable(line) && isWebSocket(line.protocol));
    if (audioSockets === undefined || media.length === 0) return undefined;
    this.#socketIntake ??= new SocketIntake({
      sockets: audioSockets,
      writer: this.#writer,
      sessionId: this.sessionId,
      observer,
      onGone: () => {
        this.#failed = 'the switch sent no audio any more, or never did';
        void this.end('no audio comes');
      },
    });
    return this.#socketIntake.expect(media);
  }

  async #intake(index: number): Promise<Intake> {
    const known = this.#intakes.get(index);
    if (known !== undefined) return known;
    const sockets = await openMediaSockets(this.#context.settings.media.address, this.#context.ports, this.#context.datagrams);
    const intake = new Intake(sockets, this.#writer, index, this.#context.observer);
    this.#intakes.set(index, intake);
    return intake;
  }

  async #stream(offer: RecordingOffer, media: SdpMedia): Promise<CaptureStream> {
    const sealed = await Promise.all(media.crypto.map((line) => sealSecret(Buffer.from(line), this.#context.sealTo)));
    return {
      index: media.index,
      label: media.label ?? String(media.index + 1),
      role: roles[media.index] ?? 'other',
      party: partyOf(offer.metadata, media),
      codecs: media.codecs,
      direction: media.direction === 'inactive' || media.direction === 'recvonly' ? 'inactive' : 'active',
      encrypted: media.protocol.includes('SAVP'),
      sealedKeys: sealed.map((key) => key.toString('base64')),
    };
  }

  async #note(entry: Promise<void>): Promise<void> {
    try {
      await entry;
    } catch (error) {
      this.#context.onLedgerFailure(error, this.sessionId, this.#path);
    }
  }
}

const hangUpHeaders = (reason: string): Record<string, string> => ({ Reason: `SIP;cause=503;text="${reason}"` });

/** Our side of an SRTP offer: a key of our own for what we send (RFC 4568 §5.1.2), by the first suite we know. */
function ownCrypto(media: SdpMedia): { crypto?: string } {
  for (const line of media.crypto.flatMap(singleKeyLines)) {
    const offered = parseCryptoLine(line);
    if (typeof offered === 'string') continue;
    const { tag, suite, keySalt } = offered;
    return { crypto: encodeCryptoLine({ tag, suite, keySalt: randomBytes(keySalt.length), sessionParameters: [] }) };
  }
  return {};
}

export const recordingRequestOf = (request: SipRequest) => ({
  contentType: request.has('content-type') ? request.get('content-type') : undefined,
  body: request.body,
  sessionIdHeader: request.has('session-id') ? request.get('session-id') : undefined,
  callId: request.get('call-id'),
});
