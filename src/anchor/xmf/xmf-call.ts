/**
 * One call whose media goes past us, and which a Cisco gateway on its way copies to the recorder.
 *
 * SDP goes on as it came; out of it comes what the recorder is offered, keys included, for the gateway copies packets
 * as they are. The gateway's connection that faces us is the one that is forked: what comes to it by that is what one
 * party says, what goes out by it what the other says.
 *
 * Leaves to  gateway.ts what is asked; connections.ts which connection it is.
 */
import { Failure } from '../../errors/index.js';
import { encodeRecordingOffer, readSdp, type SdpMedia } from '../../sip/index.js';
import { sides, type AnchoredCall, type CallFork, type Play, type Playing, type RecordingOffer, type Side } from '../door.js';
import { InTurn } from '../in-turn.js';
import { offeredStreams } from '../offered-streams.js';
import { playsNothing } from '../plays-nothing.js';
import type { Connection, Connections } from './connections.js';
import type { XmfGateway } from './gateway.js';
import type { ForkPlace } from './messages.js';

export interface XmfCallOptions {
  readonly connections: Connections;
  readonly gateway: (url: string) => XmfGateway | undefined;
  /** Of the call, at every gateway on its way. */
  readonly guid: string;
  /** Headers by which the next gateway knows it. */
  readonly headers: Readonly<Record<string, string>>;
  /** The gateway that the call came from; undefined: it goes to one. */
  readonly from: string | undefined;
  /** How long after the answer a gateway may take to tell of it. */
  readonly withinMs: number;
  readonly tone: boolean;
  readonly dtmfMasked: boolean;
  /** The numeric origin of recording offers (RFC 8866 §5.2). */
  readonly origin: string;
  readonly onClosed: () => void;
}

const oneForkOnly = 'a Cisco gateway makes one copy of a call: one recorder is all that it can have';

/** What a gateway can do no more of: a further copy, or one of a single party. */
const noFork: CallFork = {
  recordingOffer: () => Promise.reject(new Failure('ANCHOR_REFUSED', oneForkOnly)),
  startFork: () => Promise.reject(new Failure('ANCHOR_REFUSED', oneForkOnly)),
  detachFork: () => Promise.resolve(),
  stopFork: () => Promise.resolve(),
  watchFork: () => undefined,
};

export class XmfCall implements AnchoredCall {
  readonly #options: XmfCallOptions;
  readonly #audio: Record<Side, SdpMedia | undefined> = { caller: undefined, callee: undefined };
  #version = 0;
  #paused = false;
  #closed = false;
  #running: { readonly connection: Connection; readonly places: string } | undefined;
  readonly #turns = new InTurn();

  constructor(options: XmfCallOptions) {
    this.#options = options;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#options.headers;
  }

  exchange(from: Side, text: string): Promise<string> {
    const sdp = readSdp(text);
    if (sdp === 'no-media') return Promise.resolve(text);
    if (typeof sdp === 'string') return Promise.reject(new Failure('SDP_UNUSABLE', `the SDP of the ${from} cannot be read: ${sdp}`, { facts: { reason: sdp } }));
    this.#audio[from] = sdp.media.find(({ kind, port }) => kind === 'audio' && port !== 0);
    return Promise.resolve(text);
  }

  recordingOffer(): Promise<RecordingOffer | undefined> {
    const { caller, callee } = this.#audio;
    if (caller === undefined || callee === undefined || this.#closed) return Promise.resolve(undefined);
    if (this.#options.dtmfMasked) return Promise.reject(new Failure('ANCHOR_REFUSED', 'the keys that parties press cannot be kept out of copies that a Cisco gateway makes'));
    const streams = offeredStreams(caller, callee, this.#paused);
    if (streams.some(({ codecs }) => codecs.length === 0)) return Promise.resolve(undefined);
    // The gateway sends from where it speaks with us, by other ports; no more is known of them.
    const { address, port } = this.#side === 'caller' ? caller : callee;
    return Promise.resolve({
      sdp: encodeRecordingOffer({ address, origin: this.#options.origin, sessionVersion: (this.#version += 1), media: streams.map((stream) => ({ ...stream, port })) }),
      holdsKeys: streams.some(({ crypto }) => crypto.length > 0),
    });
  }

  async startFork(answer: string): Promise<void> {
    const sdp = readSdp(answer);
    if (typeof sdp === 'string') throw new Failure('SIPREC_UNUSABLE', `the recorder's answer cannot be read: ${sdp}`, { facts: { reason: sdp } });
    const [ofCaller, ofCallee] = sides.map((_, index): ForkPlace | undefined => {
      const media = sdp.media[index];
      return media === undefined || media.port === 0 ? undefined : { address: media.address, port: media.port };
    });
    if (ofCaller === undefined || ofCallee === undefined) throw new Failure('SIPREC_UNUSABLE', 'the recorder does not take both parties, and a Cisco gateway copies both or none');
    if ([ofCaller, ofCallee].some(({ address }) => !/^\d+\.\d+\.\d+\.\d+$/u.test(address))) throw new Failure('SIPREC_UNUSABLE', 'the recorder takes media on IPv6, and a Cisco gateway copies to IPv4 only');
    await this.#turns.run(() => this.#start(ofCaller, ofCallee));
  }

  /** The gateway keeps nothing. */
  detachFork(): Promise<void> {
    return this.stopFork();
  }

  watchFork(): void {
    // The media goes past us: nothing of the recorder is seen.
  }

  stopFork(): Promise<void> {
    return this.#turns.run(() => this.#stop());
  }

  openFork(): CallFork {
    return noFork;
  }

  pauseFork(): Promise<void> {
    this.#paused = true;
    return this.stopFork();
  }

  /** Copies go on with the next answer of the recorder. */
  resumeFork(): Promise<void> {
    this.#paused = false;
    return Promise.resolve();
  }

  play(play: Play): Playing {
    return playsNothing(play);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.stopFork();
    this.#options.onClosed();
  }

  /** Whose gateway it is. */
  get #side(): Side {
    return this.#options.from === undefined ? 'callee' : 'caller';
  }

  async #start(ofCaller: ForkPlace, ofCallee: ForkPlace): Promise<void> {
    const places = JSON.stringify([ofCaller, ofCallee]);
    if (this.#paused || this.#closed || this.#running?.places === places) return;
    const { connections, guid, from, withinMs, tone, gateway } = this.#options;
    // A call that came from a gateway left it by an outgoing connection.
    const direction = this.#side === 'caller' ? 'outgoing' : 'incoming';
    const connection = await connections.find({ guid, direction, gateway: from }, withinMs);
    if (connection === undefined) {
      throw new Failure('ANCHOR_UNREACHABLE', `no Cisco gateway has told of this call within ${withinMs} ms of its answer (Cisco-Guid ${guid}): is it registered, and does it pass that header on?`, { facts: { guid } });
    }
    const [near, far] = this.#side === 'caller' ? [ofCallee, ofCaller] : [ofCaller, ofCallee];
    const asked = gateway(connection.gateway);
    if (asked === undefined) throw new Failure('ANCHOR_UNREACHABLE', `${connection.gateway} is not asked any more`);
    this.#running = { connection, places };
    try {
      // Another order takes the place of the one before.
      await asked.fork(connection, { near, far, tone });
    } catch (error) {
      this.#running = undefined;
      throw error;
    }
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    await this.#options.gateway(running.connection.gateway)?.endFork(running.connection);
  }
}
