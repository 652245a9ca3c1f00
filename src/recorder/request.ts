/** What a recording session's requests say, as far as a recorder reads it. */
import type { SipRequest } from '../sip/index.js';

export interface RecordingRequest {
  readonly contentType: string | undefined;
  readonly body: string;
  readonly callId: string;
  /** The value of a header; several of one name come as one, with commas. */
  readonly header: (name: string) => string | undefined;
}

export const recordingRequestOf = (request: SipRequest): RecordingRequest => {
  const header = (name: string): string | undefined => (request.has(name) ? request.get(name) : undefined);
  return { contentType: header('content-type'), body: request.body, callId: header('call-id') ?? '', header };
};
