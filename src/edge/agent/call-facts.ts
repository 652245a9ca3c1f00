/**
 * What happens to calls, for whoever keeps records: told by the requests themselves and by the
 * proxy, after the application has been told what it is told anyway.
 */
import type { MessageText } from '../message/sip-message.js';

/** Encoded or not: encoding costs, and mostly nobody listens. */
export type SipText = string | MessageText;
export type FactSource = 'network' | 'application';
export type CallRole = 'uac' | 'uas' | 'proxy-uac' | 'proxy-uas';
export type EndReason = 'normal-release' | 'session-expired' | 'system-initiated-termination';

export interface CallFacts {
  /** An INVITE that begins a call has come, or has been sent. */
  attempted(source: FactSource, invite: SipText): void;
  /** Its first final response. */
  answered(source: FactSource, role: CallRole, status: number, response: SipText): void;
  /** The caller cancelled an INVITE that nobody had answered. */
  canceled(invite: SipText): void;
  /** A BYE. */
  ended(source: FactSource, reason: EndReason, bye: SipText): void;
}

export const noFacts: CallFacts = {
  attempted: () => undefined,
  answered: () => undefined,
  canceled: () => undefined,
  ended: () => undefined,
};
