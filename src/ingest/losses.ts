/**
 * What of a capture could not be used, counted by reason: a closed list, each with its words.
 */
export const lossWords = {
  'frames-cut': 'packets were cut when they were captured (raise the snapshot length)',
  'link-unknown': 'frames are of a link type that is not known here',
  'ip-malformed': 'packets are not what their headers say',
  'fragments-lost': 'fragmented datagrams did not come whole',
  'addresses-full': 'packets are of more IPv6 addresses than are kept',
  'sip-malformed': 'SIP messages could not be read',
  'sip-gaps': 'times SIP over TCP went on behind bytes that are missing',
  'tcp-full': 'TCP connections were more than are followed at once',
  'media-forgotten': 'media packets came too long before their call, or of too many streams',
} as const satisfies Record<string, string>;

export type Loss = keyof typeof lossWords;

export class Losses {
  readonly #counts = new Map<Loss, number>();

  count(loss: Loss, by = 1): void {
    this.#counts.set(loss, (this.#counts.get(loss) ?? 0) + by);
  }

  /** Those that happened. */
  toJSON(): Partial<Record<Loss, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** A line each for a person. */
  lines(): readonly string[] {
    return [...this.#counts].map(([loss, count]) => `${count} ${lossWords[loss]}`);
  }
}
