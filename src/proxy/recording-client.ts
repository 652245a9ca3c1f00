/**
 * The recording session of one call, from the client's side (SRC, RFC 7866 §6).
 *
 * Owns       the SIPREC dialog to the recorder and its metadata (RFC 7865), and which recorder of a group is asked.
 * Leaves to  the anchor the media; the call, which never waits for anything here.
 *
 * A recorder that refuses, can't be reached or does not answer in time costs nothing where the group has another:
 * the anchor keeps the call's packets meanwhile, and they go to the one that answers.
 *
 * The session runs through the states of `transitions`; whatever arrives in a state that the table
 * does not name is late or a duplicate and changes nothing.
 */
import { randomBytes } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { CallFork } from '../anchor/index.js';
import { Failure, messageOf } from '../errors/index.js';
import {
  encodeMetadata,
  encodeMultipart,
  hangUp,
  metadataContentType,
  newMetadataId,
  parseSipUri,
  requestInDialog,
  type RecordingControl,
  type SipConnection,
  type SipDialog,
  type SipRequest,
} from '../sip/index.js';
import { tryInTurn } from './failover.js';
import type { ProxySettings } from './settings.js';

export interface Party {
  /** SIP URI. */
  readonly aor: string;
  readonly name?: string;
}

export interface RecordingClientOptions {
  readonly sip: SipConnection;
  readonly settings: Pick<ProxySettings['recording'], 'answerTimeoutMs' | 'withinMs' | 'keys' | 'keysInClear'>;
  /** URIs in the order to ask them, at least one. */
  readonly recorders: readonly string[];
  readonly media: CallFork;
  readonly sessionId: string;
  /** The communication session's RFC 7989 header value. */
  readonly sipSessionId: string;
  readonly startedAt: Date;
  readonly caller: Party;
  readonly callee: Party;
  /** What the recorder is to know beside the media; undefined: nothing. Told with each change. */
  readonly wishes?: () => RecordingControl | undefined;
  /** A recorder did not take the session, and another is asked. */
  readonly onRecorderFailed: (reason: string) => void;
  /** The recording ended although the call goes on. Told once. */
  readonly onLost: (reason: string) => void;
}

/** How long the BYE waits for the answer to what is being told. */
const lastWordMs = 2_000;

interface Body {
  readonly contentType: string;
  readonly body: string;
  readonly holdsKeys: boolean;
}

type State = 'idle' | 'inviting' | 'live' | 'over';
type Event = 'start' | 'answered' | 'failed' | 'ended' | 'recorder-left';

/** Which state follows; a pair that is not here is late or a duplicate. */
export const transitions: Readonly<Record<State, Partial<Record<Event, State>>>> = {
  idle: { start: 'inviting', failed: 'over', ended: 'over' },
  inviting: { answered: 'live', failed: 'over', ended: 'over' },
  live: { 'recorder-left': 'over', ended: 'over' },
  over: {},
};

export class RecordingClient {
  readonly #options: RecordingClientOptions;
  readonly #ids = { session: newId(), caller: newId(), callee: newId(), callerStream: newId(), calleeStream: newId() };
  #state: State = 'idle';
  #invite: SipRequest | undefined;
  #dialog: SipDialog | undefined;
  /** The one that took the session. */
  #recorder = '';
  #offered = '';
  /** One change at a time: no second INVITE while one is unanswered (RFC 3261 §14.1). */
  #changes: Promise<void> = Promise.resolve();
  /** Changes under way or waiting. */
  #untold = 0;
  /** The change that waits for the one under way. */
  #next: Promise<void> | undefined;

  constructor(options: RecordingClientOptions) {
    this.#options = options;
  }

  /** True once there was something to record: a recorder was asked. */
  get asked(): boolean {
    return this.#offered !== '';
  }

  /** True once a recorder has accepted: then a capture exists. */
  get accepted(): boolean {
    return this.#dialog !== undefined;
  }

  /**
   * The media of the call, or what is wished of its recording, changed or became known: opens the session, or tells
   * the recorder. Whoever comes while another change waits is told with that one.
   */
  changed(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    this.#untold += 1;
    this.#next = this.#changes = this.#changes.then(async () => {
      this.#next = undefined;
      await this.#change();
      this.#untold -= 1;
    });
    return this.#next;
  }

  async #change(): Promise<void> {
    try {
      if (this.#state !== 'idle' && this.#state !== 'live') return;
      const body = await this.#body();
      if (body === undefined) return;
      if (this.#step('start')) await this.#open(body);
      else if (this.#state === 'live') await this.#update(body);
    } catch (error) {
      // A session that runs and cannot go on is ended: else the recorder would wait for its BYE for ever.
      if (this.#state === 'live') this.#bye();
      if (this.#step('failed') || this.#step('recorder-left')) {
        void this.#options.media.stopFork();
        this.#options.onLost(messageOf(error));
      }
    }
  }

  /**
   * The call is over: ends the session, or gives it up when the recorder has not answered yet. What is being told, that
   * somebody asked for the recording perhaps, is told before the BYE, for as long as that may take.
   */
  end(): void {
    if (this.#state !== 'live' || this.#untold === 0) this.#end();
    else void Promise.race([this.#changes, delay(lastWordMs, undefined, { ref: false })]).then(() => this.#end());
  }

  #end(): void {
    const before = this.#state;
    if (!this.#step('ended')) return;
    if (before === 'inviting') this.#invite?.cancel(() => undefined);
    if (before === 'live') this.#bye();
  }

  #step(event: Event): boolean {
    const next = transitions[this.#state][event];
    if (next !== undefined) this.#state = next;
    return next !== undefined;
  }

  /**
   * One recorder of the group after the other, whatever it has against the session: another may not have it, and so a
   * refusal comes here as a Failure, without the status that would end the search. @throws Failure that says what became of each.
   */
  async #open(body: Body): Promise<void> {
    const { recorders, settings, onRecorderFailed } = this.#options;
    const failed: string[] = [];
    try {
      await tryInTurn(
        {
          hops: recorders,
          withinMs: settings.withinMs,
          now: () => performance.now(),
          over: () => this.#state !== 'inviting',
          onFailed: (_recorder, error) => {
            failed.push(messageOf(error));
            onRecorderFailed(messageOf(error));
          },
        },
        (recorder) => this.#ask(recorder, body),
      );
    } catch (error) {
      if (failed.length === 0 || !(error instanceof Failure)) throw error;
      throw new Failure(error.code, [...failed, error.message].join('; '), { cause: error, facts: error.facts });
    }
  }

  async #ask(recorder: string, body: Body): Promise<void> {
    if (body.holdsKeys) this.#checkKeysMayTravel(recorder);
    const dialog = await this.#invited(recorder, body);
    this.#dialog = dialog;
    this.#recorder = recorder;
    // The call may have ended while the recorder was answering.
    if (!this.#step('answered')) {
      this.#bye();
      return;
    }
    dialog.on('destroy', () => {
      if (this.#step('recorder-left')) {
        void this.#options.media.stopFork();
        this.#options.onLost('the recorder ended the recording session');
      }
    });
    await this.#options.media.startFork(dialog.remote.sdp);
  }

  /** Fails when the time is over, whatever becomes of the INVITE: without a response it can't even be cancelled (RFC 3261 §9.1). */
  #invited(recorder: string, body: Body): Promise<SipDialog> {
    const { sip, settings, sipSessionId } = this.#options;
    let invite: SipRequest | undefined;
    let late = false;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        late = true;
        invite?.cancel(() => undefined);
        reject(new Failure('SIP_TIMEOUT', `the recorder ${recorder} did not answer in time`));
      }, settings.answerTimeoutMs);
      sip.srf
        .createUAC(
          recorder,
          {
            localSdp: body.body,
            headers: {
              'Content-Type': body.contentType,
              // RFC 7866 §6.1.1: a recording session must not reach a server that does not know what it is.
              Require: 'siprec',
              Contact: '<sip:twintrack@localhost>;+sip.src',
              'Session-ID': sipSessionId,
            },
          },
          {
            cbRequest: (_error: unknown, request?: SipRequest) => {
              invite = request;
              if (late || this.#state !== 'inviting') request?.cancel(() => undefined);
              else this.#invite = request;
            },
          },
        )
        .then(
          (dialog) => (late ? void hangUp(dialog) : resolve(dialog)),
          (error: unknown) => reject(refusal(error, recorder)),
        )
        .finally(() => clearTimeout(timer));
    });
  }

  async #update(body: Body): Promise<void> {
    const dialog = this.#dialog;
    if (dialog === undefined) return;
    if (body.holdsKeys) this.#checkKeysMayTravel(this.#recorder);
    const response = await requestInDialog(dialog, { method: 'INVITE', headers: { 'Content-Type': body.contentType }, body: body.body });
    if (response.status >= 300) throw new Failure('SIP_REFUSED', `the recorder refused a change: ${response.status} ${response.reason}`);
    if (this.#state === 'live') await this.#options.media.startFork(response.body);
  }

  /** Offer and metadata in one body; undefined when there is nothing to record yet or nothing new to tell. */
  async #body(): Promise<Body | undefined> {
    const made = await this.#options.media.recordingOffer();
    if (made === undefined) return undefined;
    const offer = this.#options.settings.keys === 'none' ? { sdp: made.sdp.replace(/^a=crypto:.*\r?\n/gmu, ''), holdsKeys: false } : made;
    const wishes = this.#options.wishes?.();
    // Only the version differs (RFC 8866 §5.2): nothing to tell.
    const content = offer.sdp.replace(/^o=.*$/m, '') + JSON.stringify(wishes ?? {});
    if (content === this.#offered) return undefined;
    this.#offered = content;
    const body = encodeMultipart(
      [
        { contentType: 'application/sdp', content: offer.sdp },
        { contentType: metadataContentType, disposition: 'recording-session', content: this.#metadata(wishes) },
      ],
      `twintrack-${randomBytes(12).toString('hex')}`,
    );
    return { ...body, holdsKeys: offer.holdsKeys };
  }

  #checkKeysMayTravel(recorder: string): void {
    const { keysInClear } = this.#options.settings;
    const uri = parseSipUri(recorder);
    const host = typeof uri === 'string' ? '' : uri.host;
    const byTls = typeof uri !== 'string' && (uri.scheme === 'sips' || uri.params.get('transport')?.toLowerCase() === 'tls');
    if (keysInClear || (byTls && this.#options.sip.verifiesTls) || host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))) return;
    throw new Failure(
      'KEYS_NOT_FORWARDABLE',
      `SRTP keys are not sent unencrypted to ${host}: place the recorder on this machine, reach it by TLS with a certificate that is verified, set recording.keysInClear, or set recording.keys to none and send them sealed`,
    );
  }

  #metadata(control: RecordingControl | undefined): string {
    const { caller, callee, sipSessionId, startedAt } = this.#options;
    const ids = this.#ids;
    return encodeMetadata({
      dataMode: 'complete',
      associatedAt: startedAt.toISOString(),
      sessions: [{ id: ids.session, sipSessionIds: [sipSessionId], startedAt: startedAt.toISOString() }],
      participants: [
        { id: ids.caller, ...caller, sends: [ids.callerStream], receives: [ids.calleeStream] },
        { id: ids.callee, ...callee, sends: [ids.calleeStream], receives: [ids.callerStream] },
      ],
      streams: [
        { id: ids.callerStream, label: '1', sessionId: ids.session },
        { id: ids.calleeStream, label: '2', sessionId: ids.session },
      ],
      ...(control === undefined ? {} : { control }),
    });
  }

  #bye(): void {
    // Answered or not, the session is over for us; the edge repeats the BYE as RFC 3261 §17.1.2 says.
    if (this.#dialog !== undefined) void hangUp(this.#dialog);
  }
}

const newId = (): string => newMetadataId(randomBytes);

function refusal(error: unknown, recorder: string): Failure {
  if (error instanceof Failure) return error;
  const status = (error as { status?: unknown }).status;
  if (status === 487) return new Failure('SIP_TIMEOUT', `the recorder ${recorder} did not answer in time`, { cause: error });
  const what = typeof status === 'number' ? `refused with ${status}` : `could not be reached: ${messageOf(error)}`;
  return new Failure('SIP_REFUSED', `the recorder ${recorder} ${what}`, { cause: error, facts: { status: typeof status === 'number' ? status : 0 } });
}
