/** A capture as the ledger names it. */
export interface CaptureSource {
  readonly captureId: string;
  readonly path: string;
  /** Whose it is, where the file itself does not tell. */
  readonly recorder?: string;
  /** When it was opened, unix ms, if that is known: the time of a capture that holds nothing. */
  readonly openedAtMs?: number;
  /** Why it was cut, if anybody knows. */
  readonly reason?: string;
  /** It lacks some of what its recorder had taken in, which follows. */
  readonly moreFollows?: boolean;
}
