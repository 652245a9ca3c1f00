/**
 * The name of a capture file tells whose it is, so that captures are found again when the ledger
 * has lost them and without the key that opens them.
 */
export const captureFileName = (captureId: string, sessionId: string): string =>
  `${captureId}.${Buffer.from(sessionId).toString('base64url')}.capture`;

/** Undefined for a file that is no capture of ours. */
export function readCaptureFileName(name: string): { captureId: string; sessionId: string } | undefined {
  const match = /^([0-9a-f-]{36})\.([A-Za-z0-9_-]+)\.capture$/.exec(name);
  return match === null ? undefined : { captureId: match[1] ?? '', sessionId: Buffer.from(match[2] ?? '', 'base64url').toString() };
}
