/**
 * INVITEs that wait for the policy service: each goes on with its decision, or ends because its caller gave up
 * or the proxy closes.
 *
 * Leaves to  the service how long that takes; the proxy what is done then.
 */
import type { CallFacts, Decision } from '../policy/index.js';
import type { PolicyService } from '../policy-service/index.js';
import type { SipRequest } from '../sip/index.js';

/** Why there was no use in a decision any more, as the ledger calls such an end. */
export type Undecided = 'cancelled' | 'interrupted';

export class PendingDecisions {
  readonly #waiting = new Map<AbortController, Promise<void>>();
  #closed = false;

  constructor(private readonly service: Pick<PolicyService, 'decide'>) {}

  /** Calls one of both, once; `failed` also with what `decided` throws. */
  await(request: SipRequest, facts: CallFacts, failed: (error: unknown) => void, decided: (outcome: Decision | Undecided) => void): void {
    const withdrawn = new AbortController();
    let cancelled = false;
    const cancel = (): void => {
      cancelled = true;
      withdrawn.abort();
    };
    request.on('cancel', cancel);
    const over = this.service
      .decide(facts, withdrawn.signal)
      .then((decision) => decided(cancelled ? 'cancelled' : this.#closed ? 'interrupted' : decision))
      .catch(failed)
      .finally(() => this.#waiting.delete(withdrawn));
    this.#waiting.set(withdrawn, over);
  }

  /** Resolves when those that wait now have gone on or ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#waiting.values());
  }

  /** Ends those that wait; resolves when none does any more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const withdrawn of this.#waiting.keys()) withdrawn.abort();
    await this.settled();
  }
}
