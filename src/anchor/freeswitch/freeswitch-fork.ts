/**
 * The copies of a call for one recorder: mod_audio_fork sends the samples of its audio to the recorder's WebSocket.
 *
 * Both parties travel as stereo out of the caller's endpoint, the caller left; one party alone as mono out of its own.
 * The first message says the session ID and whose audio it is.
 *
 * Leaves to  freeswitch-call.ts the endpoints, and that commands go one after the other.
 */
import { once } from 'node:events';
import type Mrf from 'drachtio-fsmrf';
import { Failure } from '../../errors/index.js';
import { encodeRecordingOffer, readSdp, webSocketProtocol, type SdpMedia } from '../../sip/index.js';
import { otherSide, streamLabel, type CallFork, type RecordingOffer, type Side } from '../door.js';
import { forkConnected, forkFailed, type MediaServerClient } from './media-server.js';

/** What the fork has of its call. */
export interface ForkedCall {
  readonly sessionId: string;
  readonly origin: string;
  readonly withinMs: number;
  /** Of both parties; undefined while one is not known, and after the end. */
  readonly audio: () => Readonly<Record<Side, SdpMedia>> | undefined;
  readonly paused: () => boolean;
  readonly endpoint: (side: Side) => Mrf.Endpoint | undefined;
  readonly client: () => MediaServerClient | undefined;
  readonly inTurn: <T>(act: () => Promise<T>) => Promise<T>;
}

/** RFC 3551 §4.5.11, under a dynamic payload type. */
const l16 = { payloadType: 96, name: 'L16', clockRate: 8_000, channels: 1 };
/** RFC 863: who connects has no port to be reached at (RFC 4145 §4.1). */
const discardPort = 9;
/** Nothing in it can be taken for the end of an argument, or of the command. An IPv6 address is none that mod_audio_fork can read. */
const webSocketUri = /^wss?:\/\/[A-Za-z0-9](?:[-.A-Za-z0-9]{0,252})(?::\d{1,5})?\/[-\w./~]{1,1024}$/u;

export class FreeswitchFork implements CallFork {
  readonly #call: ForkedCall;
  readonly #of: readonly Side[];
  readonly #name: string;
  #version = 0;
  /** Where the copies go, while they do. */
  #running: { readonly uri: string; readonly from: Mrf.Endpoint } | undefined;

  /** @param number of the fork within its call */
  constructor(call: ForkedCall, of: readonly Side[], number: number) {
    this.#call = call;
    this.#of = of;
    this.#name = `twintrack-${number}`;
  }

  recordingOffer(): Promise<RecordingOffer | undefined> {
    const audio = this.#call.audio();
    if (audio === undefined) return Promise.resolve(undefined);
    const media = this.#of.map((side) => ({
      port: discardPort,
      label: streamLabel[side],
      protocol: webSocketProtocol,
      codecs: [l16],
      crypto: [],
      direction: this.#call.paused() || !flows(audio[side], audio[otherSide(side)]) ? ('inactive' as const) : ('sendonly' as const),
      ptimeMs: 20,
    }));
    // Nobody sends to that address; one of the parties' would tell the recorder where they are.
    const sdp = encodeRecordingOffer({ address: '0.0.0.0', origin: this.#call.origin, sessionVersion: (this.#version += 1), media });
    return Promise.resolve({ sdp, holdsKeys: false });
  }

  async startFork(answer: string): Promise<void> {
    const sdp = readSdp(answer);
    if (typeof sdp === 'string') throw new Failure('SIPREC_UNUSABLE', `the recorder's answer cannot be read: ${sdp}`, { facts: { reason: sdp } });
    const media = this.#of.map((_, index) => sdp.media[index]);
    const uri = media[0]?.webSocket;
    if (media.some((line) => line === undefined || line.port === 0 || line.webSocket !== uri) || uri === undefined || !webSocketUri.test(uri)) {
      throw new Failure('SIPREC_UNUSABLE', 'the recorder does not say where audio over WebSocket goes: is recorder.webSocket set there?');
    }
    await this.#call.inTurn(async () => {
      if (this.#call.paused() || this.#call.audio() === undefined || this.#running?.uri === uri) return;
      await this.#stop();
      await this.#start(uri);
    });
  }

  /** FreeSWITCH keeps nothing for the next recorder. */
  detachFork(): Promise<void> {
    return this.stopFork();
  }

  watchFork(): void {
    // FreeSWITCH tells nothing of the recorder.
  }

  stopFork(): Promise<void> {
    return this.#call.inTurn(() => this.#stop()).catch(() => undefined);
  }

  /** @throws Failure SIPREC_UNUSABLE when the recorder cannot be reached, ANCHOR_REFUSED when FreeSWITCH does not do it. */
  async #start(uri: string): Promise<void> {
    const [first = 'caller'] = this.#of;
    const from = this.#call.endpoint(first);
    const client = this.#call.client();
    if (from === undefined || client === undefined) return;
    const done = new AbortController();
    try {
      // Which fork it is the events do not say: one is begun at a time.
      const connected = once(from, forkConnected, { signal: done.signal }).then(() => undefined);
      const failed = once(from, forkFailed, { signal: done.signal }).then(() => {
        throw new Failure('SIPREC_UNUSABLE', 'FreeSWITCH cannot connect to where the recorder takes audio over WebSocket');
      });
      const told = Promise.race([connected, failed]);
      // Of the command's own failure it is told below.
      for (const one of [connected, failed, told]) one.catch(() => undefined);
      await client.within(
        from.forkAudioStart({
          wsUrl: uri,
          mixType: this.#of.length > 1 ? 'stereo' : 'mono',
          sampling: String(l16.clockRate),
          bugname: this.#name,
          metadata: argument({ sessionId: this.#call.sessionId, parties: this.#of }),
          bidirectionalAudio: { enabled: 'false', streaming: 'false', sampleRate: String(l16.clockRate) },
        }),
        'uuid_audio_fork',
      );
      this.#running = { uri, from };
      await client.within(told, 'what became of uuid_audio_fork');
    } catch (error) {
      await this.#stop();
      throw error;
    } finally {
      done.abort();
    }
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    // One that has ended by itself is gone all the same.
    await this.#call.client()?.within(running.from.forkAudioStop(this.#name), 'uuid_audio_fork').catch(() => undefined);
  }
}

/** Whether what one party sends is wanted by the other. */
const flows = (sender: SdpMedia, receiver: SdpMedia): boolean =>
  (sender.direction === 'sendrecv' || sender.direction === 'sendonly') && (receiver.direction === 'sendrecv' || receiver.direction === 'recvonly');

/** JSON in which nothing ends an argument of FreeSWITCH, which "|" parts and "'" quotes. */
const argument = (value: unknown): string => JSON.stringify(value).replace(/['|\\]/gu, (sign) => (sign === '\\' ? sign : `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`));
