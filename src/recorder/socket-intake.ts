/**
 * The audio of one recording session that comes over a WebSocket: written down as RTP of our own making, so that
 * everything after it has one sort of capture.
 *
 * Each connection is a source by itself, with its own time: what there was before a pause does not move what comes after.
 *
 * Owns       the session's seat.
 * Leaves to  sample-packets.ts the packets; audio-sockets.ts who may connect.
 */
import type { CaptureWriter } from '../capture/index.js';
import { Failure } from '../errors/index.js';
import type { SdpMedia } from '../sip/index.js';
import type { AudioSeat, AudioSockets } from './audio-sockets.js';
import { nowMs, type IntakeObserver } from './intake.js';
import { samplesIn } from './offer.js';
import { SamplePackets } from './sample-packets.js';
import type { Party } from './socket-greeting.js';

export interface SocketIntakeOptions {
  readonly sockets: AudioSockets;
  readonly writer: Pick<CaptureWriter, 'packet'>;
  readonly sessionId: string;
  readonly observer: IntakeObserver;
  /** Audio was to come, and does not. */
  readonly onGone: () => void;
}

/** RFC 4574 labels, as our proxy gives them; others go by the order of their lines. */
const partyOfLabel: Readonly<Record<string, Party>> = { '1': 'caller', '2': 'callee' };
const inOrder: readonly Party[] = ['caller', 'callee'];

export class SocketIntake {
  readonly #options: SocketIntakeOptions;
  #seat: AudioSeat | undefined;
  #media: readonly SdpMedia[] = [];

  constructor(options: SocketIntakeOptions) {
    this.#options = options;
  }

  /**
   * Takes the lines of an offer: where their audio is to come.
   *
   * @throws Failure SIPREC_UNUSABLE when it has other lines than the offer before: they are channels of one connection.
   */
  expect(media: readonly SdpMedia[]): { uri: string; port: number } {
    const before = this.#media;
    if (before.length > 0 && (before.length !== media.length || media.some(({ index }, n) => index !== before[n]?.index))) {
      throw new Failure('SIPREC_UNUSABLE', 'the lines over WebSocket changed within a recording session');
    }
    this.#media = media;
    this.#seat ??= this.#options.sockets.seat({
      sessionId: this.#options.sessionId,
      parties: media.map(({ label = '' }, n) => partyOfLabel[label] ?? inOrder[n] ?? 'caller'),
      onOpen: () => this.#open(),
      onGone: () => {
        // While it is paused, or both are on hold, nothing has to come.
        if (this.#media.some(({ direction }) => direction !== 'inactive')) this.#options.onGone();
      },
    });
    const uri = this.#seat.invite();
    // A URI leaves out its scheme's own port.
    return { uri, port: Number(new URL(uri).port) || (uri.startsWith('wss:') ? 443 : 80) };
  }

  close(): void {
    this.#seat?.close();
  }

  #open(): (samples: Buffer) => void {
    const { writer, observer } = this.#options;
    const packets = new SamplePackets(this.#media.map((media) => ({ stream: media.index, payloadType: samplesIn(media)?.payloadType ?? 0 })));
    return (samples) => {
      const atMs = nowMs();
      packets.take(samples, atMs, (stream, packet) => {
        writer.packet(stream, atMs, false, packet);
        observer.received();
      });
    };
  }
}
