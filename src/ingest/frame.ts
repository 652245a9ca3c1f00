/**
 * A frame of a packet capture, and what a format is to its reader.
 */
/** One frame; the same object for all of a reader. */
export interface Frame {
  bytes: Buffer;
  start: number;
  end: number;
  /** How long it was on the wire; more than it has bytes when it was cut as it was captured. */
  wireBytes: number;
  /** As tcpdump.org's list of link types numbers them. */
  linkType: number;
  /** Unix ms, with a fraction. */
  atMs: number;
}

/** What of a file is one piece: a frame, or something between frames. */
export interface Taken {
  /** 0: not all of it is there yet. */
  readonly bytes: number;
  readonly isFrame: boolean;
}

/** A format, once its head was read. `take` fills `frame` when a whole one begins at `at`. */
export interface FrameFormat {
  readonly name: 'pcap' | 'pcapng';
  take(buffer: Buffer, at: number, frame: Frame): Taken | 'damaged';
}

/** Not all of it is there yet. */
export const needMore: Taken = { bytes: 0, isFrame: false };
/** libpcap's own bound on a frame is 256 KiB; captures of other things go beyond. What says more is damage. */
export const longestFrame = 1 << 20;
