/**
 * Where one side of a media line is: at the address of its SDP until a packet comes from it, then at that packet's source
 * (symmetric RTP, RFC 4961), so that parties behind a NAT are reached. Whoever else sends is a stranger.
 *
 * Once latched, a side moves only
 * - to what another SDP says, which opens the latch again;
 * - once after each SDP that says the same as before, when nothing has come from the old source for a while: the same
 *   client behind another NAT;
 * - with a packet that authenticates under the keys of its SDP and is no repetition, when nothing has come from the old
 *   source for a while (a new SSRC from another place, without any signalling).
 */
import { parseCryptoLine, singleKeyLines, SrtpReceiver } from '../../media/index.js';
import { sameEndpoint, type Endpoint } from '../../udp/index.js';

/** Looks without a packet after which the old source is gone; whoever owns a latch looks once a second. */
const quietLooks = 2;
/** Packets of strangers that are tried with the keys, from look to look: each may cost a hundred authentications. */
const triesPerLook = 3;
/** Sources that this side has had: a packet of an older one is a repetition. */
const keptSources = 16;

export class Latch {
  /** What the SDP said, to see whether a new one says something else. */
  #signalled = '';
  #known = false;
  /** Where packets are sent to. */
  #to: Endpoint | undefined;
  #onHold = false;
  /** Where packets come from; undefined until the first. */
  #source: Endpoint | undefined;
  #quiet = 0;
  #mayMove = false;
  #keys: readonly string[] = [];
  #receivers: readonly SrtpReceiver[] | undefined;
  #tries = triesPerLook;
  /** SSRCs of packets that were admitted, the latest last; kept only where there are keys. */
  #ssrcs: number[] = [];
  #sequenceNumber = 0;

  /** Undefined: nowhere to send to. */
  get to(): Endpoint | undefined {
    return this.#to;
  }

  /** What this side's SDP says. `crypto` are its lines (RFC 4568): what its packets are encrypted with. */
  pointAt({ address, port }: Endpoint, crypto: readonly string[]): void {
    this.#known = true;
    if (crypto.length !== this.#keys.length || crypto.some((line, n) => line !== this.#keys[n])) {
      this.#keys = crypto;
      this.#receivers = undefined;
    }
    const signalled = `${address} ${port}`;
    if (signalled === this.#signalled) {
      this.#mayMove = true;
      return;
    }
    this.#signalled = signalled;
    this.#source = undefined;
    this.#mayMove = false;
    // RFC 2543 hold: the address 0.0.0.0 says "send nothing". Its source is admitted all the same, and not sent to.
    this.#onHold = port === 0 || unset.test(address);
    // Without an address (no c= line) the side is found by its first packet.
    this.#to = this.#onHold || address === '' ? undefined : { address, port };
  }

  /** Called for each packet: whether it is this side's. */
  admits(bytes: Buffer, from: Endpoint, isRtcp: boolean): boolean {
    const source = this.#source;
    if (source !== undefined && sameEndpoint(source, from)) {
      this.#quiet = 0;
      if (this.#keys.length > 0 && !isRtcp) this.#remember(bytes);
      return true;
    }
    if (!this.#known) return false;
    if (source !== undefined && !this.#hasMoved(bytes, isRtcp)) return false;
    this.#source = from;
    this.#quiet = 0;
    this.#mayMove = false;
    if (!this.#onHold) this.#to = from;
    if (this.#keys.length > 0 && !isRtcp) this.#remember(bytes);
    return true;
  }

  /** Called once a second. */
  look(): void {
    this.#quiet += 1;
    this.#tries = triesPerLook;
  }

  #hasMoved(bytes: Buffer, isRtcp: boolean): boolean {
    if (this.#quiet < quietLooks) return false;
    if (this.#mayMove) return true;
    if (this.#keys.length === 0 || this.#tries === 0) return false;
    this.#tries -= 1;
    return !isRtcp && this.#isNew(bytes) && this.#authenticates(bytes);
  }

  /** RTP ahead of all that was admitted: somebody who has listened can send an old packet again, and it authenticates. */
  #isNew(bytes: Buffer): boolean {
    if (bytes.length < 12) return false;
    const ssrc = bytes.readUInt32BE(8);
    if (ssrc !== this.#ssrcs.at(-1)) return !this.#ssrcs.includes(ssrc);
    const ahead = (bytes.readUInt16BE(2) - this.#sequenceNumber) & 0xffff;
    return ahead > 0 && ahead < 0x8000;
  }

  #authenticates(bytes: Buffer): boolean {
    this.#receivers ??= this.#keys.flatMap(singleKeyLines).flatMap((line) => {
      const parsed = parseCryptoLine(line);
      return typeof parsed === 'string' ? [] : [new SrtpReceiver(parsed)];
    });
    return this.#receivers.some((receiver) => typeof receiver.unprotectRtp(bytes) !== 'string');
  }

  #remember(bytes: Buffer): void {
    if (bytes.length < 12) return;
    const ssrc = bytes.readUInt32BE(8);
    const sequenceNumber = bytes.readUInt16BE(2);
    if (ssrc === this.#ssrcs.at(-1)) {
      if (((sequenceNumber - this.#sequenceNumber) & 0xffff) < 0x8000) this.#sequenceNumber = sequenceNumber;
      return;
    }
    this.#ssrcs = [...this.#ssrcs.filter((other) => other !== ssrc), ssrc].slice(-keptSources);
    this.#sequenceNumber = sequenceNumber;
  }
}

const unset = /^(0\.0\.0\.0|::)$/;
