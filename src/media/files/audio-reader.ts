/** What every reader of audio files takes and gives. Total: whatever comes, it gives blocks or a reason. */

/** Why a file is none of its format, or not whole. */
export type AudioReject =
  | 'not-wav'
  | 'not-flac'
  | 'not-ogg-opus'
  | 'not-mp3'
  | 'unsupported'
  | 'damaged'
  | 'sizes-disagree'
  | 'cut';

export interface AudioInfo {
  readonly channels: number;
  readonly sampleRate: number;
  /** Samples a channel, where the file's beginning tells them. */
  readonly frames: number | undefined;
}

/** Reads a file piece by piece. Its owner closes it. */
export interface AudioReader {
  /** Once the head has been read. */
  readonly info: AudioInfo | undefined;
  /** Blocks that are whole with this piece; samples belong to the caller. After a reason it is not asked again. */
  push(piece: Buffer): readonly (readonly Int16Array[])[] | AudioReject;
  /** What is left, when there is no more; or why the file is not whole. */
  end(): readonly (readonly Int16Array[])[] | AudioReject;
  close(): void;
}
