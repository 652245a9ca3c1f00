/** What the proxy's parts share. */
import type { RequestText, SipResponse } from '../message/sip-message.js';
import type { CallFacts } from '../agent/call-facts.js';
import type { Environment } from '../transaction/transaction.js';
import type { TransactionLayer } from '../transaction/transaction-layer.js';
import type { Path } from '../transport/path.js';
import type { TransportHub } from '../transport/transport-hub.js';
import type { Challenges } from './challenges.js';

export interface ProxyContext {
  readonly environment: Environment;
  readonly hub: TransportHub;
  readonly layer: TransactionLayer;
  readonly facts: CallFacts;
  readonly newTag: () => string;
  /** A branch that this proxy knows again as its own, with what it decided by. */
  readonly newBranch: (digest: string) => string;
  readonly challenges: Challenges;
  /** Every branch that has timers, for when the edge closes. */
  readonly running: Set<{ stop(): void }>;
  /** Acknowledges and ends a call that was answered after its caller had gone. */
  readonly endCall: (request: RequestText, answer: SipResponse, path: Path) => void;
}
