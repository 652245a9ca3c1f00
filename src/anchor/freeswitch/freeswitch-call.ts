/**
 * One call on a FreeSWITCH: an endpoint for each party, bridged.
 *
 * FreeSWITCH answers an offer by itself, so the first SDP of a call makes two endpoints: one answers it, the other makes
 * an offer of its own, which goes on. What the other party says to that its endpoint is told by a re-INVITE, and the
 * answer that was there already goes back. After that each SDP of a party is a re-INVITE to its endpoint, and what
 * goes on is what the other endpoint said last: which of two SDPs is the offer need not be known.
 *
 * Leaves to  FreeSWITCH the media; which one it is to the pool; the forks and sounds theirs. All commands of a call go
 *            one after the other, but those of sounds.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type Mrf from 'drachtio-fsmrf';
import { Failure } from '../../errors/index.js';
import { hangUp, readSdp, requestInDialog, type DialogResponse, type SdpDirection, type SdpMedia } from '../../sip/index.js';
import { otherSide, sides, type AnchoredCall, type DigitListener, type Play, type Playing, type Side } from '../door.js';
import { InTurn } from '../in-turn.js';
import { OrderedForks } from '../ordered-forks.js';
import type { Seat, ServerPool } from '../server-pool.js';
import { FreeswitchFork } from './freeswitch-fork.js';
import { carriedAudio, passedOn } from './media-description.js';
import type { MediaServerClient } from './media-server.js';
import { SoundsInCall } from './sounds-in-call.js';
import type { SoundFiles } from './sound-files.js';

export interface FreeswitchCallOptions {
  readonly pool: Pick<ServerPool<MediaServerClient>, 'seat'>;
  readonly sessionId: string;
  /** The numeric origin of recording offers (RFC 8866 §5.2). */
  readonly origin: string;
  readonly withinMs: number;
  readonly onDigit: DigitListener | undefined;
  /** Undefined where nothing can be played. */
  readonly soundFiles: SoundFiles | undefined;
  readonly onClosed: () => void;
}

interface End {
  readonly endpoint: Mrf.Endpoint;
  /** What FreeSWITCH said last to this party. */
  sdp: string;
  /** What went on to this party last: out of which SDP, with which direction, and its version. */
  went: { readonly of: string; readonly direction: SdpDirection; readonly text: string } | undefined;
  version: number;
}

/** How long the end of a call waits for the answers to its BYEs. */
const byeWithinMs = 2_000;
/** RFC 3261 §14.1 would have us wait seconds; but what crossed was FreeSWITCH's own re-INVITE, which is answered at once. */
const glareMs = 50;
const glaresMost = 10;

export class FreeswitchCall extends OrderedForks<FreeswitchFork> implements AnchoredCall {
  readonly #options: FreeswitchCallOptions;
  #seat: Seat<MediaServerClient> | undefined;
  #client: MediaServerClient | undefined;
  #ends: Readonly<Record<Side, End>> | undefined;
  /** What a side said last: what is repeated changes nothing. */
  readonly #passed: Partial<Record<Side, { readonly sdp: string; readonly audio: SdpMedia }>> = {};
  #bridged = false;
  readonly #sounds: SoundsInCall;
  readonly #turns = new InTurn();
  #closing: Promise<void> | undefined;

  constructor(options: FreeswitchCallOptions) {
    super();
    this.#options = options;
    this.openFork(sides);
    this.#sounds = new SoundsInCall({
      files: options.soundFiles,
      endpoint: (side) => (this.#closing === undefined ? this.#ends?.[side].endpoint : undefined),
      client: () => this.#client,
    });
  }

  async exchange(from: Side, text: string): Promise<string> {
    this.#checkRuns();
    const sdp = readSdp(text);
    if (sdp === 'no-media') return text;
    if (typeof sdp === 'string') throw new Failure('SDP_UNUSABLE', `the SDP of the ${from} cannot be read: ${sdp}`, { facts: { reason: sdp } });
    const audio = carriedAudio(sdp, text);
    if (typeof audio === 'string') throw new Failure('SDP_UNUSABLE', `the SDP of the ${from} cannot be anchored: ${audio}`);
    return this.#turns.run(async () => {
      this.#checkRuns();
      if (this.#ends === undefined) await this.#open(from, text);
      else if (this.#passed[from]?.sdp !== text) await this.#tell(from, text);
      this.#passed[from] = { sdp: text, audio };
      await this.#bridge();
      return this.#goesOn(otherSide(from), audio.direction);
    });
  }

  play(play: Play): Playing {
    return this.#sounds.play(play);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#sounds.end();
    try {
      // FreeSWITCH ends copies and sounds with their channel.
      await this.#turns.run(() => this.#hangUp(Object.values(this.#ends ?? {}).map(({ endpoint }) => endpoint)));
    } finally {
      this.#seat?.leave();
      this.#options.onClosed();
    }
  }

  #checkRuns(): void {
    if (this.#closing !== undefined) throw new Failure('SDP_UNUSABLE', 'the call has ended, its media cannot be changed any more');
  }

  /** @throws as createEndpoint; then neither endpoint is left. */
  async #open(from: Side, text: string): Promise<void> {
    const { seat, answer } = await this.#options.pool.seat(async (client) => {
      const opened = await Promise.allSettled([client.createEndpoint(text), client.createEndpoint()]);
      const [answering, offering] = opened;
      const foreign = offering.status === 'fulfilled' ? whyNoOffer(offering.value) : undefined;
      if (answering.status === 'fulfilled' && offering.status === 'fulfilled' && foreign === undefined) return { client, answering: answering.value, offering: offering.value };
      void this.#hangUp(opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
      throw answering.status === 'rejected' ? answering.reason : offering.status === 'rejected' ? offering.reason : foreign;
    });
    this.#seat = seat;
    this.#client = answer.client;
    const ends = { [from]: endOf(answer.answering), [otherSide(from)]: endOf(answer.offering) } as Record<Side, End>;
    for (const side of sides) this.#listen(side, ends[side].endpoint);
    this.#ends = ends;
  }

  #listen(side: Side, endpoint: Mrf.Endpoint): void {
    // FreeSWITCH offers anew when it bridges what it takes for held, and hangs up over an answer without SDP.
    endpoint.dialog.on('modify', (_request, response) => {
      const said = this.#passed[side];
      if (said === undefined) response.send(491);
      else response.send(200, { body: said.sdp, headers: { 'Content-Type': 'application/sdp' } });
    });
    endpoint.on('dtmf', ({ dtmf }: { dtmf?: unknown }) => {
      if (typeof dtmf === 'string' && /^[0-9*#A-D]$/u.test(dtmf)) this.#options.onDigit?.(side, dtmf);
    });
  }

  /** @throws Failure SDP_UNUSABLE when FreeSWITCH does not take it; what was agreed before stands. */
  async #tell(side: Side, text: string): Promise<void> {
    const end = this.#end(side);
    const invite = (): Promise<DialogResponse> => requestInDialog(end.endpoint.dialog, {
      method: 'INVITE', headers: { 'Content-Type': 'application/sdp' }, body: text, timeoutMs: this.#options.withinMs,
    });
    let { status, body } = await invite();
    for (let again = 0; status === 491 && again < glaresMost; again += 1) {
      await delay(glareMs);
      ({ status, body } = await invite());
    }
    if (status >= 300) throw new Failure('SDP_UNUSABLE', `FreeSWITCH does not take the SDP of the ${side}: ${status}`, { facts: { status } });
    if (body !== '') end.sdp = body;
  }

  #goesOn(to: Side, direction: SdpDirection): string {
    const end = this.#end(to);
    if (end.went?.of !== end.sdp || end.went.direction !== direction) {
      end.went = { of: end.sdp, direction, text: passedOn(end.sdp, direction, (end.version += 1)) };
    }
    return end.went.text;
  }

  async #bridge(): Promise<void> {
    const { caller, callee } = this.#passed;
    if (this.#bridged || caller === undefined || callee === undefined) return;
    const client = this.#client;
    assert(client !== undefined, 'there is one with the first endpoint');
    await client.within(this.#end('caller').endpoint.bridge(this.#end('callee').endpoint), 'uuid_bridge');
    this.#bridged = true;
  }

  #end(side: Side): End {
    assert(this.#ends !== undefined, 'there are both or none');
    return this.#ends[side];
  }

  async #hangUp(endpoints: readonly Mrf.Endpoint[]): Promise<void> {
    await Promise.race([Promise.allSettled(endpoints.map(({ dialog }) => hangUp(dialog))), delay(byeWithinMs, undefined, { ref: false })]);
  }

  protected makeFork(of: readonly Side[], number: number): FreeswitchFork {
    return new FreeswitchFork(
      {
        sessionId: this.#options.sessionId,
        origin: this.#options.origin,
        withinMs: this.#options.withinMs,
        audio: () => this.#audio(),
        paused: () => this.paused,
        endpoint: (side) => this.#ends?.[side].endpoint,
        client: () => this.#client,
        inTurn: this.#turns.run,
      },
      of,
      number,
    );
  }

  /** What both parties said of their audio last; undefined while one has not, and after the end. */
  #audio(): Readonly<Record<Side, SdpMedia>> | undefined {
    const { caller, callee } = this.#passed;
    if (caller === undefined || callee === undefined || this.#closing !== undefined) return undefined;
    return { caller: caller.audio, callee: callee.audio };
  }

}

/** Why what FreeSWITCH offers by itself cannot go on to a party, who would be asked for what the other has not. */
function whyNoOffer({ dialog }: Mrf.Endpoint): Failure | undefined {
  const text = dialog.remote.sdp;
  const sdp = readSdp(text);
  const audio = typeof sdp === 'string' ? sdp : carriedAudio(sdp, text);
  if (typeof audio !== 'string') return undefined;
  return new Failure('ANCHOR_REFUSED', `FreeSWITCH offers what cannot go on to a party: ${audio}. Has its SIP profile enable-3pcc=proxy?`);
}

const endOf = (endpoint: Mrf.Endpoint): End => ({ endpoint, sdp: endpoint.dialog.remote.sdp, went: undefined, version: 0 });
