/** The running calls as the API needs them; the proxy has them, and whoever wires both together hands them over. */

export type ControlCommand = { readonly command: 'start' | 'stop' | 'pause' | 'resume' } | { readonly command: 'tag'; readonly name: string; readonly value: string };

export interface RunningCall {
  readonly sessionId: string;
  readonly trunk: string;
  readonly from: string;
  readonly to: string;
  readonly startedAtMs: number;
  /** The state of its recording; `none` when there is no recording to command. */
  readonly recording: string;
}

export interface CallControl {
  list(): readonly RunningCall[];
  sessionOf(party: string): { readonly sessionId: string } | 'none' | 'several';
  /** Undefined when no such call runs. `refused` says why it was not done, `state` what the recording is now. */
  command(sessionId: string, command: ControlCommand, source: 'api' | 'link'): { readonly state: string; readonly refused?: string } | 'no-recording' | undefined;
}
