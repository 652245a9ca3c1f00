/**
 * The recorder: accepts recording sessions over SIPREC and writes down what arrives.
 *
 * Owns       the sessions that run, and who may open one.
 * Leaves to  RecordingSession each session; recover.ts what a recorder that died has left.
 */
import { mkdir } from 'node:fs/promises';
import { CaptureJournal, diskThread } from '../capture/index.js';
import { messageOf } from '../errors/index.js';
import { SourceSet, type SipRequest, type SipResponse } from '../sip/index.js';
import { openDatagrams, PortPool } from '../udp/index.js';
import { openAudioSockets } from './audio-sockets.js';
import type { RecorderContext, RecorderOptions } from './context.js';
import { needsWebSocket, readRecordingOffer } from './offer.js';
import { RecordingSession, recordingRequestOf } from './recording-session.js';

export interface Recorder {
  readonly sessions: number;
  /** Where it takes audio over WebSocket, if it does. */
  readonly audioWhere: string | undefined;
  /** Ends what still runs and closes the captures. */
  close(): Promise<void>;
}

/** @throws Failure HTTP_LISTEN, EDGE_TLS when audio over WebSocket cannot be taken as the settings say. */
export async function openRecorder(options: RecorderOptions): Promise<Recorder> {
  const { settings, sip, log, metrics } = options;
  await mkdir(options.captureDir, { recursive: true, mode: 0o700 });
  diskThread.start();
  const context: RecorderContext = {
    ...options,
    ports: new PortPool(settings.media.ports[0], settings.media.ports[1]),
    journal: new CaptureJournal(options.captureDir),
    datagrams: await openDatagrams(settings.media.accelerator),
    audioSockets:
      settings.webSocket === undefined ? undefined : await openAudioSockets({ settings: settings.webSocket, onReject: (reason) => options.observer.rejected(reason) }),
    onCaptureFailure: (failure, sessionId) => log.error({ sessionId, code: failure.code }, failure.message),
    onLedgerFailure: (error, sessionId, path) =>
      log.error({ sessionId, path, reason: messageOf(error) }, 'the ledger did not take a capture; it is found again at the next start'),
  };
  const allowed = new SourceSet(settings.sources);
  const running = new Set<RecordingSession>();

  sip.srf.invite((request, response) => {
    accept(request, response).catch((error: unknown) => {
      log.error({ reason: messageOf(error) }, 'a recording session could not be opened');
      // Another recorder may have what this one lacks (RFC 3261 §21.5.4).
      if (!response.finalResponseSent) response.send(503, { headers: { 'Retry-After': '10' } });
    });
  });
  sip.srf.use('options', (_request: SipRequest, response: SipResponse) => response.send(200, { headers: { Accept: 'application/sdp, application/rs-metadata+xml' } }));

  function forget(session: RecordingSession): void {
    running.delete(session);
    metrics.capturesOpen(running.size);
  }

  async function accept(request: SipRequest, response: SipResponse): Promise<void> {
    if (!allowed.has(request.source_address)) {
      metrics.sipRejected('unknown-source');
      log.warn({ source: request.source_address }, 'refused: that source may not open recording sessions');
      response.send(403);
      return;
    }
    const read = readRecordingOffer(recordingRequestOf(request));
    const offer = typeof read !== 'string' && context.audioSockets === undefined && needsWebSocket(read) ? 'no-web-socket' : read;
    if (typeof offer === 'string') {
      metrics.sipRejected('not-acceptable');
      log.warn({ source: request.source_address, reason: offer }, 'refused: the offer cannot be recorded');
      response.send(488, { headers: { Warning: `399 twintrack "${offer}"` } });
      return;
    }
    const { session, answer } = await RecordingSession.open(context, offer);
    running.add(session);
    void session.ended.then(() => forget(session));
    metrics.capturesOpen(running.size);
    log.info({ sessionId: session.sessionId, captureId: session.captureId }, 'recording session began');
    try {
      const dialog = await sip.srf.createUAS(request, response, {
        localSdp: answer,
        headers: { 'Content-Type': 'application/sdp', Contact: '<sip:twintrack@localhost>;+sip.srs', Require: 'siprec' },
      });
      session.follow(dialog);
    } catch (error) {
      await session.end('the client gave up');
      throw error;
    }
  }

  return {
    get sessions() {
      return running.size;
    },
    audioWhere: context.audioSockets?.where,
    async close() {
      await Promise.all([...running].map((session) => session.end('the recorder is closing')));
      await context.audioSockets?.close();
      await context.journal.close();
    },
  };
}
