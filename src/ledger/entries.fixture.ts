/** For tests only: a call, a capture, a report and a recording, each new and each like any other. */
import { randomUUID } from 'node:crypto';
import type { NewCall, NewCapture, RecordingEntry } from './entries.js';
import type { Report } from './report.js';

export const newCall = (fields: Partial<NewCall> = {}): NewCall => ({
  callId: randomUUID(),
  sessionId: randomUUID(),
  trunk: 'carrier',
  from: 'sip:anna@example.net',
  to: 'sip:+4930123@example.com',
  startedAtMs: 1_000,
  node: `node-${randomUUID()}`,
  ...fields,
});

export const newCapture = (sessionId: string, fields: Partial<NewCapture> = {}): NewCapture => ({
  captureId: randomUUID(),
  sessionId,
  recorder: `recorder-${randomUUID()}`,
  path: '/captures/1.cap',
  openedAtMs: 1_500,
  ...fields,
});

export const newReport = (sessionId: string, recordingId: string): Report => ({
  recordingId,
  sessionId,
  startedAt: '2026-01-02T03:04:05.678Z',
  durationMs: 61_250.5,
  sampleRate: 8_000,
  state: 'complete',
  reason: 'everything was captured',
  captures: [{ recorder: 'r1', captureId: randomUUID(), from: '2026-01-02T03:04:05.678Z', to: '2026-01-02T03:05:06.928Z', state: 'closed' }],
  channels: [
    {
      label: '1',
      party: 'sip:anna@example.net',
      codec: 'PCMA',
      encrypted: true,
      packetsExpected: 3_000,
      packetsReceived: 2_999,
      packetsLost: 1,
      duplicates: 0,
      authFailures: 0,
      jitterMs: 0.125,
      durationMs: 61_250.5,
      driftMs: -0.3,
      offsetMs: 0,
      gaps: [{ atMs: 20_000, ms: 20, cause: 'loss' }],
    },
  ],
});

export const newRecording = (sessionId: string, fields: Partial<RecordingEntry> = {}): RecordingEntry => {
  const recordingId = fields.recordingId ?? randomUUID();
  return {
    recordingId,
    sessionId,
    state: 'complete',
    reason: 'everything was captured',
    startedAtMs: 2_000,
    durationMs: 61_250.5,
    caller: 'sip:anna@example.net',
    callee: 'sip:+4930123@example.com',
    objectName: `recordings/${recordingId}.wav`,
    digest: 'ab'.repeat(32),
    report: newReport(sessionId, recordingId),
    sealedBytes: 5_000_000_000,
    stitchedAtMs: 10_000,
    ...fields,
  };
};
