/** For tests: calls between a raw peer and an application on a standing edge, in both roles. */
import type { Test } from 'tap';
import { headerOf, type SipRequest, type SipResponse } from './message/sip-message.js';
import { rawCall, rawResponse, toOf, type RawAnswer, type RawCall } from './raw-peer.fixture.js';
import { openStandingEdge, type StandingApp, type StandingEdge, type StandingOptions, type StandingPeer } from './standing-edge.fixture.js';
import { sdp } from './party.fixture.js';

export const EDGE_URI = 'sip:edge@127.0.0.1:5060';

export interface Stage {
  readonly edge: StandingEdge;
  readonly peer: StandingPeer;
  readonly app: StandingApp;
}

export function openStage(t: Test, options: StandingOptions = {}): Stage {
  const edge = openStandingEdge(t, options);
  return { edge, peer: edge.peer(7_000), app: edge.app('invite', 'subscribe', 'options', 'message', 'register') };
}

export interface StandingCall extends Stage {
  readonly dialogId: string;
  /** A request of the peer in the dialog, with a branch and CSeq of its own. */
  say(method: string, options?: Parameters<RawCall['request']>[1]): string;
}

export interface Incoming extends StandingCall {
  readonly call: RawCall;
  readonly invite: string;
  readonly transactionId: string;
  readonly ok: SipResponse;
}

let branches = 0;

/** The peer calls and the application has heard of it. */
export function incomingInvite(stage: Stage, headers = '', body = sdp('peer')): { readonly call: RawCall; readonly invite: string; readonly transactionId: string } {
  const call = rawCall(stage.peer.port, EDGE_URI);
  const invite = call.request('INVITE', { body, ...(headers === '' ? {} : { headers }) });
  stage.peer.send(invite);
  stage.peer.response(100);
  return { call, invite, transactionId: stage.app.told('INVITE').transactionId };
}

/** What the peer says in a dialog of its own call, once there is a To tag. */
export const speaker = (call: RawCall, to: string, first = 2) => {
  let cseq = first - 1;
  return (method: string, options: Parameters<RawCall['request']>[1] = {}): string =>
    call.request(method, { to, branch: `z9hG4bKs${(branches += 1)}`, ...(method === 'ACK' ? { cseq: 1 } : { cseq: (cseq += 1) }), ...options });
};

/** A call from the peer that the application has answered; acknowledged unless said otherwise. */
export function answeredCall(stage: Stage, options: { readonly invite?: string; readonly answer?: string; readonly acknowledged?: boolean } = {}): Incoming {
  const { call, invite, transactionId } = incomingInvite(stage, options.invite);
  const { dialogId } = stage.app.answer(transactionId, 200, { body: sdp('edge'), ...(options.answer === undefined ? {} : { headers: options.answer }) });
  const ok = stage.peer.response(200, 'INVITE');
  const say = speaker(call, toOf(ok));
  if (options.acknowledged !== false) {
    stage.peer.send(say('ACK'));
    stage.app.told('ACK');
  }
  return { ...stage, call, invite, transactionId, dialogId, ok, say };
}

export interface Outgoing extends StandingCall {
  readonly transactionId: string;
  readonly invite: SipRequest;
  /** A response of the peer to its INVITE. */
  respond(status: number, answer?: RawAnswer): void;
}

/** A call of the application that has reached the peer. */
export function placedInvite(stage: Stage, headers = ''): Outgoing {
  const { app, peer } = stage;
  const transactionId = app.ask('INVITE', { uri: `sip:peer@127.0.0.1:${peer.port}`, body: sdp('edge'), ...(headers === '' ? {} : { headers }) });
  const invite = peer.request('INVITE');
  const contact = `Contact: <sip:peer@127.0.0.1:${peer.port}>`;
  let cseq = 0;
  return {
    ...stage,
    transactionId,
    invite,
    dialogId: `${invite.callId};from-tag=${invite.fromTag}`,
    respond: (status, answer = {}) => {
      const lines = [contact, ...(answer.headers === undefined ? [] : [answer.headers])].join('\r\n');
      peer.send(rawResponse(invite, status, 'Said', { tag: 'far', ...answer, headers: lines }));
    },
    say: (method, options = {}) =>
      rawCall(peer.port, EDGE_URI)
        .request(method, { branch: `z9hG4bKs${(branches += 1)}`, cseq: (cseq += 1), ...options })
        .replace(/Call-ID: .*/u, `Call-ID: ${invite.callId}`)
        .replace(/\r\nTo: .*/u, `\r\nTo: ${headerOf(invite, 'from') ?? ''}`)
        .replace(/\r\nFrom: .*/u, `\r\nFrom: ${headerOf(invite, 'to') ?? ''};tag=far`),
  };
}

/** A call of the application that the peer has answered and the application acknowledged. */
export function acceptedCall(stage: Stage, options: { readonly invite?: string; readonly answer?: string } = {}): Outgoing {
  const placed = placedInvite(stage, options.invite);
  placed.respond(200, { body: sdp('peer'), ...(options.answer === undefined ? {} : { headers: options.answer }) });
  stage.app.told(200);
  stage.app.ask('ACK', { dialogId: placed.dialogId });
  stage.peer.request('ACK');
  return placed;
}
