/**
 * SIP messages to the calls that they are of.
 *
 * Legs are one call when they share a session ID (session-identity.ts), when one is made by a REFER or Replaces of the
 * other's, when they are hops of one dialog, or when they carry media between the same two places.
 *
 * Owns       the legs and sessions that run, and when one is over.
 * Leaves to  leg.ts a leg's own course; flows.ts the packets.
 */
import { parseSipUri, uriOfNameAddr } from '../sip/index.js';
import { addressOf, portOf } from './endpoints.js';
import { Leg } from './leg.js';
import { CallMedia, RecordingMedia, type LegMedia } from './leg-media.js';
import type { MediaRegistry } from './media-registry.js';
import { Session, type CallLeg, type Refer } from './session.js';
import { identityOf } from './session-identity.js';
import { allOf, header, type SipOnTheWire } from './sip-message.js';
import type { Spools } from './spool.js';

/** The last packets, and a leg that takes over from another. */
const lingerMs = 4_000;
const transferMs = 30_000;
/** Of a leg that nobody answers, and of one that was answered: without a message or packet for so long it is over. */
const [ringingTimeoutMs, silenceTimeoutMs] = [300_000, 3_600_000];
const forgottenTimeoutMs = 64_000;
const mostLegs = 50_000;
const mostRefers = 32;
/** Hops and branches of one Call-ID. */
const mostLegsOfOne = 64;

export class Calls {
  readonly #legs = new Map<string, CallLeg[]>();
  readonly #sessions = new Map<string, Session>();
  readonly #live = new Set<Session>();
  /** Call-IDs that are over: what is repeated of them begins no call. */
  readonly #over = new Map<string, number>();
  /** Transfers that were asked for and not followed yet, in the order of time. */
  #refers: { readonly refer: Refer; readonly session: Session }[] = [];
  #legCount = 0;
  #sweptAtMs = 0;

  constructor(
    private readonly registry: MediaRegistry,
    private readonly spools: Spools,
  ) {}

  get liveSessions(): number {
    return this.#live.size;
  }

  async receive(message: SipOnTheWire): Promise<void> {
    const leg = this.#legFor(message) ?? this.#begin(message);
    if (leg === undefined) return;
    if (message.method === 'REFER' && message.status === undefined) this.#refer(leg, message);
    const places = leg.receive(message);
    const other = this.registry.register(leg, places, message.atMs);
    if (other !== undefined) this.#join(leg.session, other.session);
    for (const stream of leg.media.streams) await stream.note(message.atMs);
  }

  /** The sessions that are over at this time; they are its no longer. */
  takeOver(nowMs: number): readonly Session[] {
    if (nowMs - this.#sweptAtMs > 60_000 || this.#legCount > mostLegs) this.#endSilent(nowMs);
    const over: Session[] = [];
    for (const session of this.#live) {
      const { endedAtMs } = session;
      if (endedAtMs === undefined) continue;
      const waitsForTransfer = session.refers.some(({ followed, atMs }) => !followed && nowMs - atMs < transferMs);
      if (nowMs - endedAtMs > lingerMs && !waitsForTransfer) over.push(session);
    }
    for (const session of over) this.#forget(session, nowMs);
    return over;
  }

  /** All that is left, at the end of the files. */
  takeAll(): readonly Session[] {
    const all = [...this.#live];
    for (const session of all) {
      for (const leg of session.legs) {
        if (leg.endedAtMs !== undefined) continue;
        leg.endUnseen = true;
        leg.end(lastOf(leg));
      }
      this.#forget(session, 0);
    }
    return all;
  }

  /** Of the legs of a Call-ID the one on this hop. */
  #legFor({ callId, source, target, branch, method, status, toTag }: SipOnTheWire): CallLeg | undefined {
    const legs = this.#legs.get(callId);
    if (legs === undefined) return undefined;
    const onHop = legs.filter((leg) => (leg.source === source && leg.target === target) || (leg.source === target && leg.target === source));
    const [exact] = onHop;
    if (exact !== undefined) return onHop.find((leg) => leg.branch === branch) ?? exact;
    const byBranch = legs.find((leg) => leg.branch === branch && branch !== '');
    if (byBranch !== undefined) return byBranch;
    const [from, to] = [addressOf(source), addressOf(target)];
    const between = legs.find((leg) => [addressOf(leg.source), addressOf(leg.target)].includes(from) && [addressOf(leg.source), addressOf(leg.target)].includes(to) && from !== to);
    if (between !== undefined) return between;
    // An INVITE that goes on to somebody else is another hop.
    return method === 'INVITE' && status === undefined && toTag === '' ? undefined : legs[0];
  }

  #begin(message: SipOnTheWire): CallLeg | undefined {
    const { method, status, toTag, callId, atMs, sdp } = message;
    const isInvite = method === 'INVITE' && status === undefined;
    // Where the capture begins in mid-call, the first that names media begins the leg.
    const joinsLate = sdp !== '' && (method === 'INVITE' || method === 'UPDATE') && (status === undefined ? toTag !== '' : status >= 200 && status < 300);
    if (!(isInvite && toTag === '') && !joinsLate) return undefined;
    const overAtMs = this.#over.get(callId);
    if (joinsLate && overAtMs !== undefined && atMs - overAtMs < forgottenTimeoutMs) return undefined;
    if ((this.#legs.get(callId)?.length ?? 0) >= mostLegsOfOne) return undefined;
    if (this.#legCount >= mostLegs) this.#endSilent(atMs);
    const { session, swapped } = this.#sessionOf(message);
    const leg = new Leg(message, this.#mediaOf(message, swapped), session, swapped);
    session.legs.push(leg);
    this.#legCount += 1;
    const legs = this.#legs.get(callId);
    if (legs === undefined) this.#legs.set(callId, [leg]);
    else legs.push(leg);
    return leg;
  }

  #mediaOf(message: SipOnTheWire, swapped: boolean): LegMedia {
    const { metadata, fromUri, toUri, status } = message;
    const participants = allOf(message, 'x-cisco-recording-participant').map((value) => uriOfNameAddr(value.replace(/;media-index=.*$/u, '')) ?? '');
    const [, end] = /[;\s]x-(near|far)end(?:[;=>\s]|$)/iu.exec(header(message, 'from') ?? '') ?? [];
    const saysRecording = metadata !== undefined || participants.length > 0 || end !== undefined || /\bsiprec\b/iu.test(header(message, 'require') ?? '');
    if (saysRecording) return new RecordingMedia(participants, end?.toLowerCase() === 'far' ? 'callee' : 'caller', this.spools);
    return new CallMedia(status === undefined || fromUri !== '' ? { caller: fromUri, callee: toUri } : { caller: '', callee: '' }, swapped, this.spools);
  }

  #sessionOf(message: SipOnTheWire): { readonly session: Session; readonly swapped: boolean } {
    // Hops of one dialog.
    const [hop] = this.#legs.get(message.callId) ?? [];
    if (hop !== undefined && this.#live.has(hop.session)) return { session: hop.session, swapped: hop.swapped };
    const transferred = this.#transferred(message);
    if (transferred !== undefined) return transferred;
    const { id, shared } = identityOf(message);
    const known = this.#sessions.get(id);
    if (known !== undefined && shared && known.shared) return { session: known, swapped: false };
    const session = new Session(id, shared);
    this.#live.add(session);
    if (known === undefined) this.#sessions.set(id, session);
    return { session, swapped: false };
  }

  /** The call that this INVITE carries on: as a REFER asked for, or in place of a dialog (RFC 3891). */
  #transferred(message: SipOnTheWire): { readonly session: Session; readonly swapped: boolean } | undefined {
    if (message.method !== 'INVITE' || message.status !== undefined) return undefined;
    const by = addressOf(message.source);
    const user = userOf(message.toUri);
    this.#refers = this.#refers.filter(({ refer, session }) => !refer.followed && message.atMs - refer.atMs < transferMs && this.#live.has(session));
    const asked = this.#refers.find(({ refer }) => refer.by === by && refer.user === user);
    if (asked !== undefined) {
      asked.refer.followed = true;
      return { session: asked.session, swapped: this.#wasCalled(asked.session, message) };
    }
    const [replaced = ''] = (header(message, 'replaces') ?? '').split(';', 1);
    const session = replaced === '' ? undefined : this.#legs.get(replaced.trim())?.[0]?.session;
    return session === undefined ? undefined : { session, swapped: this.#wasCalled(session, message) };
  }

  /** Whether the one that calls now is the one that was called before. */
  #wasCalled({ legs: [first] }: Session, { source, fromUri }: SipOnTheWire): boolean {
    if (first === undefined) return false;
    if (userOf(fromUri) !== '' && userOf(first.from) !== userOf(first.to)) {
      if (userOf(fromUri) === userOf(first.from)) return false;
      if (userOf(fromUri) === userOf(first.to)) return true;
    }
    return addressOf(first.source) !== addressOf(first.target) ? addressOf(first.target) === addressOf(source) : portOf(first.target) === portOf(source);
  }

  #refer({ session }: CallLeg, message: SipOnTheWire): void {
    const uri = uriOfNameAddr(header(message, 'refer-to') ?? '');
    if (uri === undefined || session.refers.length >= mostRefers) return;
    const refer: Refer = { atMs: message.atMs, by: addressOf(message.target), user: userOf(uri), followed: false };
    session.refers.push(refer);
    this.#refers.push({ refer, session });
  }

  /** Two sessions turn out to be one: that with the better ID stays, else that which began first. */
  #join(one: Session, other: Session): void {
    if (one === other) return;
    const oneStays = one.shared === other.shared ? one.startedAtMs <= other.startedAtMs : one.shared;
    const [stays, goes] = oneStays ? [one, other] : [other, one];
    for (const leg of goes.legs) leg.session = stays;
    stays.legs.push(...goes.legs);
    stays.legs.sort((a, b) => a.startedAtMs - b.startedAtMs);
    stays.refers.push(...goes.refers);
    this.#refers = this.#refers.map(({ refer, session }) => ({ refer, session: session === goes ? stays : session }));
    this.#live.delete(goes);
    // A leg that bears an ID of the one that went belongs here too.
    for (const id of goes.ids) {
      if (this.#sessions.get(id) !== goes) continue;
      this.#sessions.set(id, stays);
      stays.ids.push(id);
    }
  }

  #forget(session: Session, nowMs: number): void {
    this.#live.delete(session);
    for (const id of session.ids) if (this.#sessions.get(id) === session) this.#sessions.delete(id);
    for (const leg of session.legs) {
      this.registry.release(leg);
      for (const stream of leg.media.streams) stream.over = true;
      this.#legCount -= 1;
      const rest = (this.#legs.get(leg.callId) ?? []).filter((one) => one !== leg);
      if (rest.length === 0) this.#legs.delete(leg.callId);
      else this.#legs.set(leg.callId, rest);
      this.#over.set(leg.callId, nowMs);
    }
    for (const [callId, atMs] of this.#over) {
      if (nowMs - atMs < forgottenTimeoutMs && this.#over.size < mostLegs) break;
      this.#over.delete(callId);
    }
  }

  #endSilent(nowMs: number): void {
    this.#sweptAtMs = nowMs;
    const crowded = this.#legCount >= mostLegs;
    for (const { legs } of this.#live) {
      for (const leg of legs) {
        const timeoutMs = crowded ? lingerMs : leg.answeredAtMs === undefined && !leg.joinedLate ? ringingTimeoutMs : silenceTimeoutMs;
        if (leg.endedAtMs !== undefined || nowMs - lastOf(leg) < timeoutMs) continue;
        leg.endUnseen = true;
        leg.end(lastOf(leg));
      }
    }
  }
}

const lastOf = (leg: CallLeg): number => Math.max(leg.lastAtMs, ...leg.media.streams.map(({ lastAtMs }) => lastAtMs));

function userOf(uri: string): string {
  const parsed = parseSipUri(uri);
  return parsed === 'malformed' ? '' : (parsed.user ?? '');
}
