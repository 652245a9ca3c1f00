/**
 * One media stream of one capture, in clear: SRTP is opened with the keys that signalling forwarded.
 *
 * Several keys may be known after a re-key: the newest is tried first, those before it still open what was
 * on its way. A packet that no key opens is counted, never turned into sound.
 */
import { parseCryptoLine, parseRtcp, singleKeyLines, SrtpReceiver, type RtcpPacket, type RtpReject, type RtpView } from '../media/index.js';

/** More than a call re-keys within the time that a packet may be late, and as many again that came by themselves. */
const keysKept = 40;

/** What became of the packets that are not in the recording. */
export interface ClearCounts {
  authFailures: number;
  duplicates: number;
  malformed: number;
  /** Encrypted, and no key is known. */
  keyless: number;
}

export class ClearStream {
  readonly counts: ClearCounts = { authFailures: 0, duplicates: 0, malformed: 0, keyless: 0 };
  #receivers: { line: string; receiver: SrtpReceiver }[] = [];
  #encrypted = false;

  /** @param lines values of a=crypto lines, in clear */
  setKeys(encrypted: boolean, lines: readonly string[]): void {
    this.#encrypted = encrypted;
    for (const line of lines.flatMap(singleKeyLines)) {
      if (this.#receivers.some((known) => known.line === line)) continue;
      const parsed = parseCryptoLine(line);
      if (typeof parsed === 'string') continue;
      this.#receivers = [{ line, receiver: new SrtpReceiver(parsed) }, ...this.#receivers].slice(0, keysKept);
    }
  }

  /** Lets `view` look at the packet that lies in `bytes` from one offset to another. False: there is none, it is counted. */
  rtp(view: RtpView, bytes: Buffer, from = 0, to = bytes.length): boolean {
    if (this.#encrypted) {
      const packet = bytes.subarray(from, to);
      const clear = this.#open((receiver) => receiver.unprotectRtp(packet));
      if (typeof clear !== 'string') return this.#wellFormed(view.look(clear, 0, clear.length));
      this.counts[clear] += 1;
      return false;
    }
    return this.#wellFormed(view.look(bytes, from, to));
  }

  #wellFormed(reject: RtpReject | undefined): boolean {
    if (reject !== undefined) this.counts.malformed += 1;
    return reject === undefined;
  }

  /** None when it does not open: it holds no sound, so it counts nowhere. */
  rtcp(bytes: Buffer): readonly RtcpPacket[] {
    const clear = this.#encrypted ? this.#open((receiver) => receiver.unprotectRtcp(bytes)) : bytes;
    if (typeof clear === 'string') return [];
    const packets = parseRtcp(clear);
    return typeof packets === 'string' ? [] : packets;
  }

  #open(unprotect: (receiver: SrtpReceiver) => Buffer | string): Buffer | keyof ClearCounts {
    let reason: keyof ClearCounts = 'keyless';
    for (const { receiver } of this.#receivers) {
      const clear = unprotect(receiver);
      if (typeof clear !== 'string') return clear;
      reason = reason === 'duplicates' || clear === 'replayed' ? 'duplicates' : 'authFailures';
    }
    return reason;
  }
}
