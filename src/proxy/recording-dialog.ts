/**
 * One recording session with one recorder: its INVITE, its changes, its end (SRC, RFC 7866 §6).
 *
 * Leaves to  recording-client.ts which recorder, and what follows when it fails.
 */
import { Failure, messageOf } from '../errors/index.js';
import { hangUp, isOfEdge, requestInDialog, secondsOf, type SipConnection, type SipDialog, type SipRequest, type SipResponse } from '../sip/index.js';
import type { Clock } from '../recorder-pool/index.js';
import type { RecordingBody } from './recording-body.js';

export interface InviteOptions {
  readonly sip: SipConnection;
  readonly recorder: string;
  readonly sipSessionId: string;
  readonly body: RecordingBody;
  readonly answerTimeoutMs: number;
  readonly clock: Clock;
  /** Given up as soon as this is aborted: then it is cancelled, and whatever it is answered is ended. */
  readonly signal: AbortSignal;
}

export class RecordingDialog {
  readonly recorder: string;
  readonly #dialog: SipDialog;
  readonly #answerTimeoutMs: number;
  readonly #clock: Clock;
  /** The answer to the first offer. */
  readonly answer: string;

  private constructor({ recorder, answerTimeoutMs, clock }: InviteOptions, dialog: SipDialog) {
    this.recorder = recorder;
    this.#dialog = dialog;
    this.#answerTimeoutMs = answerTimeoutMs;
    this.#clock = clock;
    this.answer = dialog.remote.sdp;
  }

  /**
   * Fails when the time is over, whatever becomes of the INVITE: without a response it can't even be cancelled (RFC 3261 §9.1).
   *
   * @throws Failure SIP_TIMEOUT, SIP_REFUSED with the `status` as a fact, or 0 where there was none.
   */
  static invite(options: InviteOptions): Promise<RecordingDialog> {
    const { sip, recorder, sipSessionId, body, answerTimeoutMs, clock, signal } = options;
    let invite: SipRequest | undefined;
    let late = false;
    return new Promise((resolve, reject) => {
      const giveUp = (failure: Failure): void => {
        late = true;
        clock.clearTimeout(timer);
        invite?.cancel(() => undefined);
        reject(failure);
      };
      const abort = (): void => giveUp(new Failure('SIP_TIMEOUT', `the recorder ${recorder} had not answered when the recording ended`));
      const timer = clock.setTimeout(() => giveUp(new Failure('SIP_TIMEOUT', `the recorder ${recorder} did not answer in time`)), answerTimeoutMs);
      signal.addEventListener('abort', abort, { once: true });
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
              if (late) request?.cancel(() => undefined);
            },
          },
        )
        .then(
          (dialog) => {
            if (late) void hangUp(dialog);
            else resolve(new RecordingDialog(options, dialog));
          },
          (error: unknown) => reject(refusal(error, recorder)),
        )
        .finally(() => {
          clock.clearTimeout(timer);
          signal.removeEventListener('abort', abort);
        });
    });
  }

  /** Told once when the recorder ends the session. */
  onLeft(told: () => void): void {
    this.#dialog.on('destroy', told);
  }

  /** Tells of a change; gives the answer's SDP. @throws Failure SIP_TIMEOUT, SIP_REFUSED. */
  async tell(body: RecordingBody): Promise<string> {
    const response = await requestInDialog(this.#dialog, { method: 'INVITE', headers: { 'Content-Type': body.contentType }, body: body.body, timeoutMs: this.#answerTimeoutMs, clock: this.#clock }).catch((error: unknown) => {
      throw error instanceof Failure && error.code === 'SIP_TIMEOUT' ? new Failure('SIP_TIMEOUT', `the recorder ${this.recorder} did not answer a change in time`, { cause: error }) : error;
    });
    if (response.status >= 300) {
      throw new Failure('SIP_REFUSED', `the recorder ${this.recorder} refused a change: ${response.status} ${response.reason}`, { facts: { status: response.status } });
    }
    return response.body;
  }

  /**
   * Ends the session. Resolves to whether the recorder has said in time that it is over: one that says anything else has
   * lost the session before (RFC 3261 §12.2.2), and one that says nothing is gone.
   */
  async end(withinMs: number): Promise<boolean> {
    const isOver = await requestInDialog(this.#dialog, { method: 'BYE', timeoutMs: withinMs, clock: this.#clock }).then(({ status }) => status < 300, () => false);
    this.bye();
    return isOver;
  }

  /** Answered or not, the session is over for us; the edge repeats the BYE as RFC 3261 §17.1.2 says. */
  bye(): void {
    void hangUp(this.#dialog);
  }
}

function refusal(error: unknown, recorder: string): Failure {
  if (error instanceof Failure) return error;
  const { status, res } = error as { status?: unknown; res?: SipResponse };
  if (status === 487 || (res !== undefined && status === 408 && isOfEdge(res))) return new Failure('SIP_TIMEOUT', `the recorder ${recorder} did not answer in time`, { cause: error });
  const what = typeof status === 'number' && (res === undefined || !isOfEdge(res)) ? `refused with ${status}` : `could not be reached: ${messageOf(error)}`;
  return new Failure('SIP_REFUSED', `the recorder ${recorder} ${what}`, { cause: error, facts: { status: typeof status === 'number' ? status : 0, retryAfterSeconds: secondsOf(res?.has('retry-after') === true ? res.get('retry-after') : undefined) } });
}
