/**
 * The first reading of a session's captures: who sent what when, which decides places and length.
 */
import { Channel, type CanHear } from './channel.js';
import type { Gathered, Gathering } from './gather.js';
import { channelOf } from './source-times.js';
import type { Placed } from './track.js';

/** Streams of one call beyond this are an attack or a fault. */
const channelLimit = 32;

export class Parties {
  readonly channels: Map<string, Channel>;

  /**
   * Caller and callee are always there, so that they keep their sides.
   * @param several whether more than one capture holds the call
   */
  constructor(private readonly canHear: CanHear, private readonly several: boolean) {
    this.channels = new Map(['caller', 'callee'].map((name) => [name, new Channel(name, canHear, several)]));
  }

  /** Lets its channel have a record; gives back what has its place now. */
  take(record: Gathered): readonly Placed[] {
    switch (record.kind) {
      case 'streams':
        for (const stream of record.streams) this.#channel(channelOf(stream))?.describe(stream, record.atMs);
        return nothing;
      case 'rtcp':
        this.channels.get(record.channel)?.report(record.packets);
        return nothing;
      case 'rtp':
        return this.channels.get(record.channel)?.accept(record.packet, record.codec, record.arrivedAtMs, record.source) ?? nothing;
    }
  }

  #channel(name: string): Channel | undefined {
    const known = this.channels.get(name);
    if (known !== undefined || this.channels.size >= channelLimit) return known;
    const channel = new Channel(name, this.canHear, this.several);
    this.channels.set(name, channel);
    return channel;
  }
}

const nothing: readonly Placed[] = [];

export async function survey(records: Gathering, canHear: CanHear): Promise<ReadonlyMap<string, Channel>> {
  const parties = new Parties(canHear, records.captures.length > 1);
  for await (const batch of records) for (const record of batch) parties.take(record);
  return parties.channels;
}
