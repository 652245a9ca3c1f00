/**
 * Decides whether a call is recorded by asking a service of the customer's, over HTTP.
 *
 * The local deny list comes before all: a call that it denies is never asked about. Then an answer that is cached
 * and fresh; then the service; where that gives none, what it said before and has expired; then the local rules.
 * Nobody waits longer than `timeoutMs`, and `decide` never rejects.
 *
 * Owns       the order above, how many questions are open, the counting and the log lines.
 * Leaves to  client.ts HTTP; answer-cache.ts what holds for how long; circuit-breaker.ts when to leave the service
 *            alone; policy/ the rules.
 */
import type { Log, Metrics, PolicyUnansweredReason } from '../ops/index.js';
import type { CallFacts, Decision, Policy } from '../policy/index.js';
import { parseAnswer, type Answer } from './answer.js';
import { AnswerCache } from './answer-cache.js';
import { CircuitBreaker, type BreakerState } from './circuit-breaker.js';
import { openClient, type Client } from './client.js';
import { questionOf, type Question } from './question.js';
import { loadServiceToken } from './service-token.js';
import type { PolicyServiceSettings } from './settings.js';

export interface PolicyService {
  /** @param signal withdraws the question: the rules decide at once, and nothing is counted. */
  decide(facts: CallFacts, signal?: AbortSignal): Promise<Decision>;
  /** Questions that are open are withdrawn. */
  close(): void;
}

export interface PolicyServiceParts {
  readonly local: Policy;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'policyDecided' | 'policyUnanswered' | 'policyServiceSeconds' | 'policyBreaker'>;
  /** In ms, by a clock that does not jump. */
  readonly now: () => number;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
}

/** @throws Failure CONFIG_UNREADABLE when the token's file cannot be used. */
export async function openPolicyService(settings: PolicyServiceSettings, parts: PolicyServiceParts): Promise<PolicyService> {
  const token = settings.tokenFile === undefined ? undefined : await loadServiceToken(settings.tokenFile);
  return new AskingPolicy(settings, parts, openClient(settings, token));
}

/** As people read it in the ledger. */
const inWords: Readonly<Record<PolicyUnansweredReason, string>> = {
  'timeout': 'timeout',
  'connection': 'no connection',
  'redirect': 'redirect',
  'status': 'error status',
  'content-type': 'wrong content type',
  'too-large': 'answer too large',
  'malformed': 'unusable answer',
  'breaker-open': 'not asked, it has failed',
  'busy': 'not asked, too many questions are open',
};

/** One line a second tells of failures: a service that is broken must not fill the log. */
const tellEveryMs = 1_000;

export class AskingPolicy implements PolicyService {
  readonly #cache: AnswerCache;
  readonly #breaker: CircuitBreaker;
  #open = 0;
  #untold = 0;
  #toldAtMs = -Infinity;

  constructor(
    private readonly settings: PolicyServiceSettings,
    private readonly parts: PolicyServiceParts,
    private readonly client: Client,
  ) {
    this.#cache = new AnswerCache(settings.cache);
    this.#breaker = new CircuitBreaker({ settings: settings.breaker, now: parts.now, random: parts.random, onChange: (state) => this.#tellBreaker(state) });
  }

  async decide(facts: CallFacts, signal?: AbortSignal): Promise<Decision> {
    const { local, metrics, now } = this.parts;
    const denial = local.denial(facts);
    if (denial !== undefined) {
      metrics.policyDecided('denied');
      return denial;
    }
    const question = questionOf(facts);
    const known = this.#cache.find(question, now());
    if (known?.fresh === true) {
      metrics.policyDecided('cached');
      return { ...known.outcome, decidedBy: 'policy service (cached)' };
    }
    const answer = await this.#ask(question, signal);
    if (answer === 'abandoned') return this.#byRules(facts, 'question withdrawn');
    if (typeof answer !== 'string') {
      this.#cache.put(question, answer, known, now());
      metrics.policyDecided('fresh');
      return { ...answer.outcome, decidedBy: 'policy service' };
    }
    metrics.policyUnanswered(answer);
    if (known !== undefined) {
      metrics.policyDecided('stale');
      return { ...known.outcome, decidedBy: `policy service (stale: ${inWords[answer]})` };
    }
    metrics.policyDecided('rules');
    return this.#byRules(facts, inWords[answer]);
  }

  close(): void {
    this.client.close();
  }

  #byRules(facts: CallFacts, why: string): Decision {
    const decision = this.parts.local.decide(facts);
    return { ...decision, decidedBy: `${decision.decidedBy} (policy service: ${why})` };
  }

  async #ask(question: Question, signal: AbortSignal | undefined): Promise<Answer | PolicyUnansweredReason | 'abandoned'> {
    if (this.#open >= this.settings.inFlight) return 'busy';
    const pass = this.#breaker.admit();
    if (pass === undefined) return 'breaker-open';
    const { metrics, now } = this.parts;
    const askedAtMs = now();
    this.#open += 1;
    const reply = await this.client.ask(JSON.stringify(question), signal);
    this.#open -= 1;
    if (reply === 'abandoned') {
      this.#breaker.settle(pass, 'abandoned');
      return reply;
    }
    metrics.policyServiceSeconds((now() - askedAtMs) / 1_000);
    const answer = typeof reply === 'string' ? reply : parseAnswer(reply.body);
    if (typeof answer === 'string' || 'malformed' in answer) {
      const reason = typeof answer === 'string' ? answer : 'malformed';
      this.#tellFailure(question.sessionId, reason, typeof answer === 'string' ? undefined : answer.malformed);
      this.#breaker.settle(pass, 'failed');
      return reason;
    }
    this.#breaker.settle(pass, 'answered');
    return answer;
  }

  #tellFailure(sessionId: string, reason: PolicyUnansweredReason, detail: string | undefined): void {
    const nowMs = this.parts.now();
    if (nowMs - this.#toldAtMs < tellEveryMs) {
      this.#untold += 1;
      return;
    }
    this.parts.log.warn({ sessionId, reason, detail, untold: this.#untold }, 'the policy service gave no answer that can be used');
    this.#toldAtMs = nowMs;
    this.#untold = 0;
  }

  #tellBreaker({ name, untilMs }: BreakerState): void {
    const { log, metrics, now } = this.parts;
    metrics.policyBreaker(name);
    if (name === 'open') log.warn({ forMs: Math.round(untilMs - now()) }, 'the policy service fails and is left alone; what it said before and the rules decide');
    if (name === 'closed') log.info('the policy service answers again');
  }
}
