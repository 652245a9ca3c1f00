/**
 * A test phone: a SIP user agent of its own, on an edge of its own, with one voice.
 *
 * Owns       its edge, its sockets, its keys.
 * Leaves to  talk.ts the media; test-call.ts the course of the call.
 */
import { randomBytes } from 'node:crypto';
import { Failure, messageOf } from '../errors/index.js';
import { keySaltBytes, SrtpReceiver, SrtpSender, type CryptoLine, type SrtpSuite } from '../media/index.js';
import { connectSip, hostPort, type SipConnection, type SipDialog, type SipSettings } from '../sip/index.js';
import { openMediaSockets, PortPool, type MediaSockets } from '../udp/index.js';
import { encodePhoneSdp, readFarEnd, type FarEnd } from './phone-sdp.js';
import { Talk, type TalkOptions, type TestCodec } from './talk.js';
import type { Voice } from './voices.js';

export interface PhoneOptions {
  readonly address: string;
  /** Of UDP and TCP, or of TLS when it speaks that; 0: any. */
  readonly sipPort: number;
  /** What it proves itself with, and whom it trusts, when it speaks TLS. */
  readonly tls?: SipSettings['tls'];
  readonly voice: Voice;
  readonly codec: TestCodec;
  /** Absent: plain RTP. Who answers takes the suite that is offered. */
  readonly srtp: SrtpSuite | undefined;
  readonly name: string;
  readonly onHeard?: TalkOptions['onHeard'];
  /** Told what it encrypts with. */
  readonly onKey?: (key: CryptoLine) => void;
}

export interface Conversation {
  readonly dialog: SipDialog;
  readonly talk: Talk;
  /** Resolves when the other end hangs up. */
  readonly hungUp: Promise<void>;
}

const firstMediaPort = 40_000;
const lastMediaPort = 44_999;

export class Phone {
  readonly #options: PhoneOptions;
  readonly #sip: SipConnection;
  readonly #sockets: MediaSockets;

  /** @throws Failure EDGE_LISTEN when the SIP port is taken. */
  static async open(options: PhoneOptions): Promise<Phone> {
    const { address, sipPort, tls } = options;
    const transports = tls === undefined ? (['udp', 'tcp'] as const) : (['tls'] as const);
    // Two tests at once begin at different places of the range, and seldom meet.
    const first = firstMediaPort + 2 * Math.floor((Math.random() * (lastMediaPort - firstMediaPort)) / 4);
    const sockets = await openMediaSockets(address, new PortPool(first, lastMediaPort));
    try {
      const sip = await connectSip({
        settings: { listen: transports.map((transport) => ({ transport, host: address, port: sipPort })), tls },
        onCrash: () => undefined,
        onTrouble: () => undefined,
      });
      return new Phone(options, sip, sockets);
    } catch (error) {
      await sockets.close();
      throw error;
    }
  }

  private constructor(options: PhoneOptions, sip: SipConnection, sockets: MediaSockets) {
    this.#options = options;
    this.#sip = sip;
    this.#sockets = sockets;
  }

  /** @throws Failure CALL_FAILED with what the far end answered. */
  async call(uri: string, via: string, headers: Record<string, string>): Promise<Conversation> {
    const crypto = this.#options.srtp === undefined ? undefined : newKey(1, this.#options.srtp);
    let dialog: SipDialog;
    try {
      dialog = await this.#sip.srf.createUAC(uri, {
        localSdp: this.#sdp(this.#options.codec, crypto),
        proxy: via,
        headers: { From: `<sip:${this.#options.name}@${hostPort(this.#options.address)}>`, ...headers },
      });
    } catch (error) {
      const status = (error as { status?: unknown }).status;
      const what = typeof status === 'number' ? `was answered ${status}` : `failed: ${messageOf(error)}`;
      throw new Failure('CALL_FAILED', `the call to ${uri} through ${via} ${what}. Does the product run, does a trunk take calls from this address?`, {
        cause: error,
      });
    }
    return this.#converse(dialog, readFarEnd(dialog.remote.sdp), crypto);
  }

  /** Answers the first call that has this header value; others are refused. Rejects when none has come in time. */
  answer(header: string, value: string, timeoutMs: number): Promise<Conversation> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Failure('CALL_FAILED', 'the call did not reach its other end in time: does the trunk lead there?'));
      }, timeoutMs);
      this.#sip.srf.invite((request, response) => {
        if (!request.has(header) || !request.get(header).startsWith(value)) {
          response.send(486);
          return;
        }
        const take = async (): Promise<Conversation> => {
          const far = readFarEnd(request.body);
          const crypto = far.crypto === undefined ? undefined : newKey(far.crypto.tag, far.crypto.suite);
          response.send(180);
          const dialog = await this.#sip.srf.createUAS(request, response, { localSdp: this.#sdp(far.codec, crypto) });
          return this.#converse(dialog, far, crypto);
        };
        take()
          .then(resolve, reject)
          .finally(() => clearTimeout(timer));
      });
    });
  }

  async close(): Promise<void> {
    await this.#sockets.close();
    await this.#sip.close();
  }

  #sdp(codec: TestCodec, crypto: CryptoLine | undefined): string {
    return encodePhoneSdp({ address: this.#options.address, rtpPort: this.#sockets.rtpPort, codec, crypto });
  }

  #converse(dialog: SipDialog, far: FarEnd, own: CryptoLine | undefined): Conversation {
    const { media } = far;
    if (own !== undefined) this.#options.onKey?.(own);
    const talk = new Talk({
      sockets: this.#sockets,
      voice: this.#options.voice,
      codec: far.codec,
      remote: { address: media.address, rtpPort: media.port, rtcpPort: media.rtcpPort },
      cname: this.#options.name,
      onHeard: this.#options.onHeard,
      ...(own === undefined ? {} : { protect: new SrtpSender(own) }),
      ...(far.crypto === undefined ? {} : { unprotect: new SrtpReceiver(far.crypto) }),
    });
    return { dialog, talk, hungUp: new Promise((resolve) => dialog.on('destroy', () => resolve())) };
  }
}

const newKey = (tag: number, suite: SrtpSuite): CryptoLine => ({ tag, suite, keySalt: randomBytes(keySaltBytes(suite)), sessionParameters: [] });
