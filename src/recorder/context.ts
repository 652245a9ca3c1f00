import type { CaptureJournal } from '../capture/index.js';
import type { Failure } from '../errors/index.js';
import type { Ledger } from '../ledger/index.js';
import type { Log, Metrics } from '../ops/index.js';
import type { SipConnection } from '../sip/index.js';
import type { Datagrams, PortPool } from '../udp/index.js';
import type { VaultPublic } from '../vault/index.js';
import type { AudioSockets } from './audio-sockets.js';
import type { IntakeObserver } from './intake.js';
import type { RecorderSettings } from './settings.js';

/** What a recorder is given; whoever opens it owns and closes all of it. */
export interface RecorderOptions {
  readonly settings: RecorderSettings;
  readonly sip: SipConnection;
  readonly captureDir: string;
  /** All that a recorder knows of the vault: it can close captures, not open them. */
  readonly sealTo: VaultPublic;
  readonly ledger: Pick<Ledger, 'captureOpened' | 'captureClosed' | 'captureWhole' | 'find'>;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'captureEnded' | 'capturesOpen' | 'sipRejected' | 'recorderRefused' | 'recorderReady'>;
  /** Told of each packet. */
  readonly observer: IntakeObserver;
  /** A capture is closed and in the ledger: it may be stitched. */
  readonly onCaptureClosed: (sessionId: string) => void;
}

/** What every session of a recorder shares. */
export interface RecorderContext extends RecorderOptions {
  readonly ports: PortPool;
  readonly datagrams: Datagrams;
  /** Through which all captures are written. */
  readonly journal: CaptureJournal;
  /** Undefined where no audio is taken over WebSocket. */
  readonly audioSockets: AudioSockets | undefined;
  readonly onCaptureFailure: (failure: Failure, sessionId: string) => void;
  readonly onLedgerFailure: (error: unknown, sessionId: string, path: string) => void;
}
