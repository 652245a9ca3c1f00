/**
 * The recorder: accepts recording sessions and writes down what arrives, whichever maker's client sends it.
 *
 * Owns       the sessions that run, who may open one, which of them nobody uses any more.
 * Leaves to  RecordingSession each session, SessionDialog its dialog; capacity.ts whether there is room; recover.ts what a
 *            recorder that died has left.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CaptureJournal, diskThread } from '../capture/index.js';
import { messageOf } from '../errors/index.js';
import { encodeRecorderLoad, metadataContentType, originOf, parseNameAddr, recorderLoadHeader, SourceSet, type SipRequest, type SipResponse } from '../sip/index.js';
import { openDatagrams, PortPool } from '../udp/index.js';
import { openAudioSockets } from './audio-sockets.js';
import { readCaptureFileName } from './capture-name.js';
import { Capacity } from './capacity.js';
import type { RecorderContext, RecorderOptions } from './context.js';
import { nowMs } from './intake.js';
import { readRecordingOffer, type OfferReject } from './offer.js';
import { RecordingSession } from './recording-session.js';
import { isWhole } from './recover.js';
import { recordingRequestOf } from './request.js';
import { SessionDialog, warningOf } from './session-dialog.js';
import { sessionIdsOf, type SessionClues } from './session-identity.js';
import { UnnamedPairs, unnamedSession } from './unnamed-pairs.js';

export interface Recorder {
  readonly sessions: number;
  /** Where it takes audio over WebSocket, if it does. */
  readonly audioWhere: string | undefined;
  /** What keeps it from taking sessions as it should, in words; none when all is well. */
  readonly alarms: readonly string[];
  readonly draining: boolean;
  /**
   * Takes no new sessions, and ends those that run: their clients have another recorder, which takes them over. Resolves
   * when none runs. For a recorder that is to be stopped.
   */
  drain(): Promise<void>;
  /** Ends what still runs and closes the captures. */
  close(): Promise<void>;
}

/** How often it is seen how far the captures have come. */
const markEveryMs = 250;
/** RFC 3550 §6.2 would have five seconds; clients keep packets until they hear that these are written. */
const marksPerReport = 4;
const retryAfterSeconds = '10';
/** Sessions that end at a time where all are to: their clients open them elsewhere. */
const endingAtOnce = 50;
/** The ledger is asked while a client waits. */
const ledgerWithinMs = 300;

/** @throws Failure HTTP_LISTEN, EDGE_TLS when audio over WebSocket cannot be taken as the settings say. */
export async function openRecorder(options: RecorderOptions): Promise<Recorder> {
  const { settings, sip, log, metrics } = options;
  await mkdir(options.captureDir, { recursive: true, mode: 0o700 });
  diskThread.start();
  const context: RecorderContext = {
    ...options,
    ports: new PortPool(settings.media.ports[0], settings.media.ports[1]),
    journal: new CaptureJournal(options.captureDir, {
      settleMs: settings.settleMs,
      onRescued: (name) => {
        log.info({ capture: name }, 'the disk takes more: a capture has all that it had taken in');
        isWhole(options.ledger, join(options.captureDir, name))
          .then((whole) => whole && options.onCaptureClosed(readCaptureFileName(name)?.sessionId ?? ''))
          .catch((error: unknown) => log.error({ capture: name, reason: messageOf(error) }, 'the ledger did not take that a capture holds more'));
      },
    }),
    datagrams: await openDatagrams(settings.media.accelerator),
    audioSockets:
      settings.webSocket === undefined ? undefined : await openAudioSockets({ settings: settings.webSocket, onReject: (reason) => options.observer.rejected(reason) }),
    onCaptureFailure: (failure, sessionId) => log.error({ sessionId, code: failure.code }, failure.message),
    onLedgerFailure: (error, sessionId, path) =>
      log.error({ sessionId, path, reason: messageOf(error) }, 'the ledger did not take a capture; it is found again at the next start'),
  };
  const allowed = new SourceSet(settings.sources);
  const names = settings.tlsIdentities?.map((name) => name.toLowerCase());
  const running = new Map<RecordingSession, SessionDialog>();
  const unnamed = new UnnamedPairs();
  /** Sessions that are being opened, and run once they are. */
  const opening = new Set<Promise<unknown>>();
  const capacity = new Capacity({
    folder: options.captureDir,
    leastFreeBytes: settings.minFreeMb * 1_000_000,
    onChange: (shortage, detail) => {
      metrics.recorderReady(capacity.alarms.length === 0);
      if (detail === undefined) log.info({ shortage }, 'recording sessions are taken again as before');
      else log.error({ shortage, reason: detail }, 'recording sessions are refused with 503; those that run go on');
    },
  });
  metrics.recorderReady(true);
  await capacity.look();

  sip.srf.invite((request, response) => {
    accept(request, response).catch((error: unknown) => {
      log.error({ reason: messageOf(error) }, 'a recording session could not be opened');
      if (!response.finalResponseSent) refuseForNow(response);
    });
  });
  sip.srf.use('options', (_request: SipRequest, response: SipResponse) => {
    const { freeMb, refusal } = capacity;
    const load = { sessions: running.size, freePorts: context.ports.free, ...(freeMb === undefined ? {} : { freeMb }), draining };
    const headers = { Accept: `application/sdp, ${metadataContentType}`, [recorderLoadHeader]: encodeRecorderLoad(load) };
    if (refusal === undefined && !draining) response.send(200, { headers });
    else response.send(503, { headers: { ...headers, 'Retry-After': retryAfterSeconds } });
  });

  let draining = false;
  let marks = 0;
  const timer = setInterval(() => {
    marks += 1;
    for (const [session, dialog] of running) {
      session.mark();
      if (marks % marksPerReport !== 0) continue;
      session.report(nowMs());
      if (!dialog.isTimed && session.silentMs > settings.staleSeconds * 1_000) void dialog.ask();
    }
  }, markEveryMs);

  function forget(session: RecordingSession): void {
    running.delete(session);
    metrics.capturesOpen(running.size);
  }

  /** Another recorder may have what this one lacks (RFC 3261 §21.5.4). */
  function refuseForNow(response: SipResponse): void {
    response.send(503, { headers: { 'Retry-After': retryAfterSeconds } });
  }

  function refuse(request: SipRequest, response: SipResponse, reason: OfferReject): void {
    metrics.sipRejected('not-acceptable');
    log.warn({ source: request.source_address, reason }, 'refused: the offer cannot be recorded');
    response.send(488, { headers: warningOf(reason) });
  }

  /** The ID of a call that the ledger knows by one of these, or the first: whichever capture comes first settles it. */
  async function settledId(ids: readonly [string, ...string[]]): Promise<string> {
    if (ids.length === 1) return ids[0];
    const found = Promise.all(ids.map((id) => options.ledger.find(id).then((entry) => entry !== undefined, () => false)));
    const known = await Promise.race([found, delay(ledgerWithinMs, [], { ref: false })]);
    return ids.find((_, n) => known[n] === true) ?? ids[0];
  }

  async function accept(request: SipRequest, response: SipResponse): Promise<void> {
    const { address, tlsIdentities } = originOf(request, names !== undefined);
    if (!allowed.has(address) || (names !== undefined && !tlsIdentities.some((name) => names.includes(name)))) {
      metrics.sipRejected('unknown-source');
      log.warn({ source: address, certificate: tlsIdentities.join(', ') }, 'refused: that source may not open recording sessions');
      response.send(403);
      return;
    }
    const read = recordingRequestOf(request);
    // Without one there is nobody to send a BYE to (RFC 3261 §8.1.1.8).
    if (parseNameAddr(read.header('contact') ?? '') === 'malformed') {
      metrics.sipRejected('malformed');
      response.send(400);
      return;
    }
    const offer = readRecordingOffer(read);
    if (typeof offer === 'string') {
      refuse(request, response, offer);
      return;
    }
    if (draining) {
      refuseDraining(response);
      return;
    }
    const { refusal } = capacity;
    if (refusal !== undefined) {
      metrics.recorderRefused(refusal.shortage);
      refuseForNow(response);
      return;
    }
    const { metadata, bridge, parts } = offer;
    const clues: SessionClues = { request: read, parts, metadata, bridge, configuredHeader: settings.sessionIdHeader };
    const sessionId = await settledId(sessionIdsOf(clues));
    // It may have begun while the ledger was asked.
    if (isDraining()) {
      refuseDraining(response);
      return;
    }
    const half = settings.pairUnnamed ? unnamedSession(clues, offer, { source: address, sessionId }) : undefined;
    const pairing = half === undefined ? undefined : unnamed.enter(half, performance.now());
    let opened: Awaited<ReturnType<typeof RecordingSession.open>> | undefined;
    const attempt = RecordingSession.open(context, pairing?.sessionId ?? sessionId, offer, pairing?.roles);
    opening.add(attempt);
    try {
      opened = await attempt;
    } catch (error) {
      metrics.recorderRefused(capacity.failed(error));
      refuseForNow(response);
      return;
    } finally {
      opening.delete(attempt);
      if (half !== undefined && (opened === undefined || typeof opened === 'string')) unnamed.leave(half);
    }
    if (typeof opened === 'string') {
      refuse(request, response, opened);
      return;
    }
    capacity.opened();
    const { session, reply } = opened;
    const dialog = new SessionDialog({ context, session, request, response, offer });
    running.set(session, dialog);
    void session.ended.then(() => forget(session));
    if (half !== undefined) void session.ending.then(() => unnamed.leave(half));
    metrics.capturesOpen(running.size);
    const { captureId } = session;
    log.info({ sessionId: session.sessionId, captureId, ...(pairing === undefined ? {} : { pairedBy: 'media-address' }) }, 'recording session began');
    await dialog.answer(reply);
  }

  /** For where an await may have changed it unseen by the compiler. */
  function isDraining(): boolean {
    return draining;
  }

  function refuseDraining(response: SipResponse): void {
    metrics.sipRejected('draining');
    refuseForNow(response);
  }

  async function endAll(reason: string): Promise<void> {
    while (opening.size > 0) await Promise.allSettled(opening);
    const left = [...running.keys()];
    const endSome = async (): Promise<void> => {
      for (let session = left.pop(); session !== undefined; session = left.pop()) await session.leave(reason);
    };
    await Promise.all(Array.from({ length: endingAtOnce }, endSome));
  }

  return {
    get draining() {
      return draining;
    },
    async drain() {
      draining = true;
      // One whose opening had begun runs by then.
      while (running.size > 0 || opening.size > 0) await endAll('the recorder is being emptied');
    },
    get sessions() {
      return running.size;
    },
    audioWhere: context.audioSockets?.where,
    get alarms() {
      return capacity.alarms;
    },
    async close() {
      clearInterval(timer);
      capacity.close();
      draining = true;
      await endAll('the recorder is closing');
      await context.audioSockets?.close();
      await context.journal.close();
    },
  };
}
