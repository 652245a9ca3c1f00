/**
 * The media lines of one recording session: what each offer makes of them, and the answer to it.
 *
 * Owns       lines by their place among the m-lines, their ports, their keys in answers.
 * Leaves to  line.ts one line; line-answer.ts how one is answered; socket-intake.ts audio over WebSocket.
 */
import { randomBytes } from 'node:crypto';
import type { CaptureWriter } from '../capture/index.js';
import { Failure } from '../errors/index.js';
import { encodeCryptoLine } from '../media/index.js';
import { encodeRecordingAnswer, encodeServerOffer, isWebSocket, type RecordingAnswerMedia, type Sdp, type SdpMedia } from '../sip/index.js';
import { announcedAddress } from '../udp/index.js';
import type { RecorderContext } from './context.js';
import { Line } from './line.js';
import { answeredCodecs, offeredCodecs, securityOf } from './line-answer.js';
import { isRecordable, samplesIn } from './offer.js';
import { SocketIntake } from './socket-intake.js';

/** A line that is recorded, as it was offered. */
export interface TakenLine {
  readonly media: SdpMedia;
  readonly encrypted: boolean;
}

export interface TakenOffer {
  readonly lines: readonly TakenLine[];
  readonly answer: string;
}

export interface SessionLinesOptions {
  readonly context: RecorderContext;
  readonly writer: CaptureWriter;
  readonly sessionId: string;
  /** Audio over WebSocket was to come, and does not. */
  readonly onGone: () => void;
}

export class SessionLines {
  readonly #options: SessionLinesOptions;
  readonly #lines = new Map<number, Line>();
  readonly #origin = String(Date.now());
  #socketIntake: SocketIntake | undefined;
  #version = 0;
  #closed = false;
  #answered: { offer: Sdp; media: readonly (RecordingAnswerMedia | undefined)[] } | undefined;
  readonly #ssrc = randomBytes(4).readUInt32BE();
  /** RFC 7022: of no meaning to anybody. */
  readonly #cname = randomBytes(12).toString('base64');

  constructor(options: SessionLinesOptions) {
    this.#options = options;
  }

  /**
   * Takes an offer: sockets for lines that are new, the answer made. Lines that cannot be recorded are refused, each by
   * itself.
   *
   * @param keysMayFollow see securityOf
   * @throws Failure PORTS_EXHAUSTED, MEDIA_BIND, SIPREC_UNUSABLE
   */
  async take(offer: Sdp, keysMayFollow: boolean): Promise<TakenOffer> {
    const lines: TakenLine[] = [];
    const media: (RecordingAnswerMedia | undefined)[] = [];
    const webSocket = this.#invited(offer);
    for (const offered of offer.media) {
      const line = isWebSocket(offered.protocol) ? this.#overWebSocket(offered, webSocket) : await this.#overRtp(offered, keysMayFollow);
      media.push(line?.answer);
      if (line !== undefined) lines.push({ media: offered, encrypted: line.encrypted });
    }
    this.#answered = { offer, media };
    return { lines, answer: this.#describe({ offer, media }) };
  }

  /**
   * An offer of ours, for a client that asked for one: of the lines that there are, or of one line where there are none.
   * The client's answer is for `answeredBy`.
   */
  async offer(): Promise<string> {
    if (this.#answered !== undefined) {
      // Whatever was on hold may go on.
      const { offer, media } = this.#answered;
      return this.#describe({
        offer: { ...offer, media: offer.media.map((line) => ({ ...line, direction: 'sendonly' as const })) },
        media: media.map((line) => (line === undefined ? undefined : { ...line, direction: 'recvonly' as const })),
      });
    }
    const line = await this.#line(0);
    return encodeServerOffer({ ...this.#origins(), media: [{ port: line.port, codecs: this.#ownCodecs() }] });
  }

  /** What an offer of ours says of its one line, until the answer is there. */
  offered(): readonly TakenLine[] {
    const media: SdpMedia = {
      index: 0, kind: 'audio', protocol: 'RTP/AVP', address: '', port: 9, rtcpPort: 0, rtcpAddress: '', rtcpMux: false, direction: 'sendonly', codecs: this.#ownCodecs(), crypto: [],
    };
    return [{ media, encrypted: false }];
  }

  /** The client has answered an offer of ours. Gives the lines as they are from now on; none that is new is opened. */
  answeredBy(answer: Sdp): readonly TakenLine[] {
    return answer.media.flatMap((media) => {
      const line = this.#lines.get(media.index);
      if (line === undefined || !isRecordable(media)) return [];
      const encrypted = media.protocol.toUpperCase().includes('SAVP');
      line.describe(media, { encrypted, ...(line.ownKey === undefined ? {} : { ours: line.ownKey }) });
      return [{ media, encrypted }];
    });
  }

  mark(taken: number, written: number): void {
    for (const line of this.#lines.values()) line.mark(taken, written);
  }

  report(nowMs: number): void {
    for (const line of this.#lines.values()) line.report(this.#ssrc, this.#cname, nowMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#socketIntake?.close();
    await Promise.all([...this.#lines.values()].map((line) => line.close()));
  }

  async #overRtp(media: SdpMedia, keysMayFollow: boolean): Promise<{ answer: RecordingAnswerMedia; encrypted: boolean } | undefined> {
    if (!isRecordable(media)) return undefined;
    const before = this.#lines.get(media.index)?.ownKey;
    const made = securityOf(media, keysMayFollow, randomBytes);
    if (typeof made === 'string') return undefined;
    // RFC 4568 §7.1.3: a key changes when somebody means to change it.
    const kept = before !== undefined && made.ours?.suite === before.suite ? { ...made, ours: { ...made.ours, keySalt: before.keySalt } } : made;
    const line = await this.#line(media.index);
    line.describe(media, kept);
    return {
      encrypted: kept.encrypted,
      answer: {
        port: line.port,
        codecs: answeredCodecs(media, this.#options.context.settings.codecs),
        rtcpMux: media.rtcpMux,
        direction: media.direction === 'inactive' ? 'inactive' : 'recvonly',
        ...(kept.ours === undefined ? {} : { crypto: encodeCryptoLine(kept.ours) }),
      },
    };
  }

  #overWebSocket(media: SdpMedia, webSocket: { uri: string; port: number } | undefined): { answer: RecordingAnswerMedia; encrypted: boolean } | undefined {
    const codec = samplesIn(media);
    if (codec === undefined || webSocket === undefined || !isRecordable(media)) return undefined;
    return { encrypted: false, answer: { port: webSocket.port, codecs: [codec], rtcpMux: false, direction: media.direction === 'inactive' ? 'inactive' : 'recvonly', webSocket: webSocket.uri } };
  }

  /** Where the audio of an offer over WebSocket is to come, the same as long as the session is; undefined for other offers. */
  #invited(offer: Sdp): { uri: string; port: number } | undefined {
    const { context: { audioSockets, observer }, writer, sessionId, onGone } = this.#options;
    const media = offer.media.filter((line) => isRecordable(line) && isWebSocket(line.protocol));
    if (audioSockets === undefined || media.length === 0) return undefined;
    this.#socketIntake ??= new SocketIntake({ sockets: audioSockets, writer, sessionId, observer, onGone });
    return this.#socketIntake.expect(media);
  }

  async #line(index: number): Promise<Line> {
    const known = this.#lines.get(index);
    if (known !== undefined) return known;
    const line = await Line.open(this.#options.context, this.#options.writer, index);
    if (this.#closed) {
      await line.close();
      throw new Failure('SIPREC_UNUSABLE', 'the recording session ended meanwhile');
    }
    this.#lines.set(index, line);
    return line;
  }

  readonly #ownCodecs = () => offeredCodecs(this.#options.context.settings.codecs);

  #origins(): { address: string; origin: string; sessionVersion: number } {
    return { address: announcedAddress(this.#options.context.settings.media), origin: this.#origin, sessionVersion: ++this.#version };
  }

  #describe({ offer, media }: { offer: Sdp; media: readonly (RecordingAnswerMedia | undefined)[] }): string {
    return encodeRecordingAnswer(offer, { ...this.#origins(), media });
  }
}
