/**
 * One media line of a recording session: its sockets, and what goes back to its sender.
 *
 * Owns       the port pair; when another source takes over; receiver reports.
 * Leaves to  intake.ts what is written of what arrives; receiver-reports.ts what is told of it.
 */
import type { CaptureWriter } from '../capture/index.js';
import { isRtcp, SrtpSender } from '../media/index.js';
import type { SdpMedia } from '../sip/index.js';
import { openMediaSockets, sameEndpoint, type DatagramSocket, type Endpoint, type MediaSockets } from '../udp/index.js';
import type { RecorderContext } from './context.js';
import { Intake } from './intake.js';
import type { LineSecurity } from './line-answer.js';
import { ReceiverReports } from './receiver-reports.js';

type Handler = (bytes: Buffer, from: Endpoint) => void;

/** What Intake sees of a socket: the same one for each Intake that follows another. */
class Tap implements DatagramSocket {
  handler: Handler = () => undefined;

  constructor(
    private readonly socket: DatagramSocket,
    arrived: (tap: Tap, bytes: Buffer, from: Endpoint) => void,
  ) {
    socket.receive((bytes, from) => arrived(this, bytes, from));
  }

  get port(): number {
    return this.socket.port;
  }

  receive(handler: Handler): void {
    this.handler = handler;
  }

  send(bytes: Buffer, to: Endpoint): void {
    this.socket.send(bytes, to);
  }

  connect(to: Endpoint): void {
    this.socket.connect(to);
  }

  close(): Promise<void> {
    return this.socket.close();
  }
}

/** Where the client says that it sends from; what really comes may come from elsewhere. */
const placeOf = ({ address, port }: SdpMedia): string => `${address} ${port}`;

export class Line {
  readonly #context: Pick<RecorderContext, 'observer'>;
  readonly #tapped: CaptureWriter;
  readonly #sockets: MediaSockets;
  #reports: ReceiverReports | undefined;
  #media: SdpMedia | undefined;
  #security: LineSecurity = { encrypted: false };
  #sender: SrtpSender | undefined;
  #intake: Intake;
  #from: Endpoint | undefined;
  /** Where the packets come from that are written. */
  #source: Endpoint | undefined;
  #mayMove = false;

  /** @throws Failure PORTS_EXHAUSTED, MEDIA_BIND. */
  static async open(context: Pick<RecorderContext, 'settings' | 'ports' | 'datagrams' | 'observer'>, writer: CaptureWriter, index: number): Promise<Line> {
    return new Line(context, writer, index, await openMediaSockets(context.settings.media.address, context.ports, context.datagrams));
  }

  private constructor(
    context: Pick<RecorderContext, 'observer'>,
    writer: CaptureWriter,
    readonly index: number,
    sockets: MediaSockets,
  ) {
    this.#context = context;
    const arrived = (tap: Tap, bytes: Buffer, from: Endpoint): void => this.#arrived(tap, bytes, from);
    this.#sockets = { address: sockets.address, rtpPort: sockets.rtpPort, rtcpPort: sockets.rtcpPort, rtp: new Tap(sockets.rtp, arrived), rtcp: new Tap(sockets.rtcp, arrived), close: () => sockets.close() };
    this.#tapped = {
      packet: (stream, arrivedAtMs, rtcp, bytes) => {
        // What the capture does not take is never reported as written.
        if (!writer.packet(stream, arrivedAtMs, rtcp, bytes)) return false;
        this.#taken(rtcp, bytes, arrivedAtMs);
        return true;
      },
      event: (event) => writer.event(event),
      flush: () => writer.flush(),
      close: (reason) => writer.close(reason),
      get stats() {
        return writer.stats;
      },
    };
    this.#intake = this.#newIntake();
  }

  get port(): number {
    return this.#sockets.rtpPort;
  }

  /** The key of ours that the answer had before, for the next one: it changes only with the suite. */
  get ownKey(): LineSecurity['ours'] {
    return this.#security.ours;
  }

  /** The line as it is offered from now on. Where its sender moved, the next other source is the line's; until it speaks, the one before. */
  describe(media: SdpMedia, security: LineSecurity): void {
    if (this.#media !== undefined && placeOf(this.#media) !== placeOf(media)) this.#mayMove = true;
    this.#media = media;
    if (security.ours === undefined) this.#sender = undefined;
    else if (this.#sender === undefined || security.ours.keySalt !== this.#security.ours?.keySalt) this.#sender = new SrtpSender(security.ours);
    this.#security = security;
    this.#reports ??= new ReceiverReports(media.codecs[0]?.clockRate ?? 8_000);
  }

  /** How far the capture has come, some times a second. */
  mark(taken: number, written: number): void {
    this.#reports?.mark(taken, written);
  }

  report(ssrc: number, cname: string, nowMs: number): void {
    const to = this.#source;
    // SRTP without keys of ours: what is not authentic is not listened to.
    if (to === undefined || this.#media === undefined || (this.#security.encrypted && this.#sender === undefined)) return;
    const compound = this.#reports?.compound(ssrc, cname, nowMs, this.#media.lossSummaries === true);
    if (compound === undefined) return;
    const bytes = this.#sender === undefined ? compound : this.#sender.protectRtcp(compound);
    const { rtcpMux, rtcpPort, address } = this.#media;
    if (rtcpMux) this.#sockets.rtp.send(bytes, to);
    else this.#sockets.rtcp.send(bytes, { address: to.address, port: address === to.address && rtcpPort !== 0 ? rtcpPort : to.port + 1 });
  }

  close(): Promise<void> {
    return this.#intake.close();
  }

  /** Each takes its first source for the line's; the sockets are the same. */
  #newIntake(): Intake {
    return new Intake(this.#sockets, this.#tapped, this.index, this.#context.observer);
  }

  #arrived(tap: Tap, bytes: Buffer, from: Endpoint): void {
    if (this.#mayMove && tap === this.#sockets.rtp && this.#source !== undefined && !sameEndpoint(from, this.#source) && bytes.length >= 12 && !isRtcp(bytes)) {
      this.#mayMove = false;
      this.#intake = this.#newIntake();
    }
    this.#from = from;
    tap.handler(bytes, from);
  }

  #taken(rtcp: boolean, bytes: Buffer, arrivedAtMs: number): void {
    if (!rtcp) {
      this.#source = this.#from;
      this.#reports?.rtp(bytes, arrivedAtMs);
    } else if (!this.#security.encrypted) this.#reports?.rtcp(bytes, arrivedAtMs);
  }
}
