/**
 * Call records as drachtio-server tells them: `cdr:attempt`, `cdr:start`, `cdr:stop`, each to one of
 * the applications that asked for that event, in turn.
 *
 * Two things differ from drachtio-server: its table of reasons is one short, so that some come under the
 * next one's name; and it leaves out the stop of an INVITE that was cancelled before any answer.
 */
import { encodeMessage } from '../message/encode-message.js';
import { noFacts, type CallFacts, type CallRole, type EndReason, type FactSource, type SipText } from '../agent/call-facts.js';
import type { Routes } from './routes.js';

type StopReason = EndReason | 'call-rejected' | 'call-canceled';

/** Of calls that run through, the end alone, told once. */
export function endsAlone(routes: Routes): CallFacts {
  const records = new CallRecords(routes);
  return {
    ...noFacts,
    ended: (source, reason, bye) => {
      if (source === 'network') records.ended(source, reason, bye);
    },
  };
}

export class CallRecords implements CallFacts {
  constructor(private readonly routes: Routes) {}

  attempted(source: FactSource, invite: SipText): void {
    this.#record('cdr:attempt', source, undefined, invite);
  }

  answered(source: FactSource, role: CallRole, status: number, response: SipText): void {
    if (status < 300) this.#start(source, role, response);
    else this.#stop(source, status === 487 ? 'call-canceled' : 'call-rejected', response);
  }

  canceled(invite: SipText): void {
    this.#stop('network', 'call-canceled', invite);
  }

  ended(source: FactSource, reason: EndReason, bye: SipText): void {
    this.#stop(source, reason, bye);
  }

  #start(source: FactSource, role: CallRole, message: SipText): void {
    this.#record('cdr:start', source, role, message);
  }

  #stop(source: FactSource, reason: StopReason, message: SipText): void {
    this.#record('cdr:stop', source, reason, message);
  }

  #record(event: string, source: FactSource, detail: string | undefined, message: SipText): void {
    const application = this.routes.pick(event);
    if (application !== undefined) application.record(event, source, detail, typeof message === 'string' ? message : encodeMessage(message));
  }
}
