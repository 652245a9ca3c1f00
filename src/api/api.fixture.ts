/** What tests of the API share: a vault with one recording, a ledger that knows it, and a server over both. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { furnishLedger } from '../ledger/ledger-template.fixture.js';
import { encodeWavHeader } from '../media/index.js';
import { openLedger, type Report } from '../ledger/index.js';
import { createHealth, createLog, createMetrics } from '../ops/index.js';
import { loadOrCreateKeys, openObjectStore } from '../vault/index.js';
import { openHttp } from './http.js';
import { localLibrary } from './local-library.js';

export const token = 'a-token-of-this-test';
export const sessionId = 'session-1';
export const recordingId = 'recording-1';
export const objectName = 'recordings/2026/01/02/recording-1.wav';
export const lostSessionId = 'session-that-is-lost';

const frames = 100_000;
export const wav = Buffer.concat([
  encodeWavHeader({ channels: 2, sampleRate: 8_000, bitsPerSample: 16, format: 'pcm', frames }),
  Buffer.from(Uint8Array.from({ length: frames * 4 }, (_, index) => (index * 7) % 251)),
]);

export const report: Report = {
  recordingId,
  sessionId,
  startedAt: '2026-01-02T03:04:05.000Z',
  durationMs: 12_500,
  sampleRate: 8_000,
  state: 'complete',
  reason: 'everything was captured',
  captures: [],
  channels: [],
};

export const openSite = async () => {
  const root = await mkdtemp(join(tmpdir(), 'twintrack-api-'));
  const keys = await loadOrCreateKeys(join(root, 'keys'));
  const vaultDir = join(root, 'vault');
  const store = await openObjectStore(vaultDir, keys);
  await furnishLedger(join(root, 'ledger'));
  const ledger = await openLedger({ dir: join(root, 'ledger') });
  const { digest, sealedBytes } = await store.put(objectName, [wav]);
  await store.putDocument(objectName.replace('.wav', '.json'), { recordingId, sessionId, digest, sealedBytes, report });
  const entry = {
    recordingId,
    sessionId,
    state: 'complete',
    reason: report.reason,
    startedAtMs: 2_000,
    durationMs: 12_500,
    caller: 'sip:anna@example.net',
    callee: 'sip:ben@example.com',
    objectName,
    digest,
    report,
    sealedBytes,
    stitchedAtMs: 3_000,
  } as const;
  await ledger.putRecording(entry);
  const call = { callId: 'call-2', sessionId: lostSessionId, trunk: 'a', from: 'sip:x@example.net', to: 'sip:y@example.net', startedAtMs: 1_000, node: 'n' };
  await ledger.callBegan({ ...call, recording: 'lost', reason: 'no recorder answered' });

  const logged: string[] = [];
  const log = createLog({ level: 'debug', name: 'test', to: { write: (line) => void logged.push(line) } });
  const health = createHealth({ version: '1.2.3', checkTimeoutMs: 50 });
  const options = { host: '127.0.0.1', port: 0, log, health, metrics: createMetrics() };
  const library = localLibrary(ledger, store, keys.public);
  const http = await openHttp({ ...options, token, library });
  return {
    keys,
    ledger,
    store,
    library,
    health,
    options,
    logged,
    entry,
    vaultDir,
    http,
    baseUrl: `http://127.0.0.1:${http.port}`,
    close: async () => {
      await http.close();
      await ledger.close();
      await rm(root, { recursive: true });
    },
  };
};
