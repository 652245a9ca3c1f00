/** What every writer of audio files takes and gives. */
export interface AudioShape {
  readonly channels: number;
  readonly sampleRate: number;
  /** Samples a channel. */
  readonly frames: number;
  /** Of `wav-g711`: what is written are codes of this law. */
  readonly codes?: 'PCMU' | 'PCMA' | undefined;
}

/** Writes one file. Its owner ends it or closes it. */
export interface AudioWriter {
  /** What comes next of the file, when these samples of each channel are added. May be empty; is the writer's own, until the next call. */
  write(block: readonly Int16Array[]): Uint8Array;
  /** The rest of the file. */
  end(): Uint8Array;
  /** Gives back what the writer holds; after `end` too. */
  close(): void;
}
