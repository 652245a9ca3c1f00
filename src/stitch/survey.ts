/**
 * The first reading of a session's captures: who sent what when, which decides places and length.
 */
import { Channel, type CanHear } from './channel.js';
import type { Gathering } from './gather.js';
import { channelOf } from './source-times.js';

/** Streams of one call beyond this are an attack or a fault. */
const channelLimit = 32;

/** Caller and callee are always among the channels, so that they keep their sides. */
export async function survey(records: Gathering, canHear: CanHear): Promise<ReadonlyMap<string, Channel>> {
  const channels = new Map<string, Channel>();
  const several = records.captures.length > 1;
  const open = (name: string): Channel | undefined => {
    const known = channels.get(name);
    if (known !== undefined || channels.size >= channelLimit) return known;
    const channel = new Channel(name, canHear, several);
    channels.set(name, channel);
    return channel;
  };
  open('caller');
  open('callee');
  for await (const batch of records) {
    for (const record of batch) {
      if (record.kind === 'rtp') channels.get(record.channel)?.accept(record.packet, record.codec, record.arrivedAtMs, record.source);
      else if (record.kind === 'rtcp') channels.get(record.channel)?.report(record.packets);
      else for (const stream of record.streams) open(channelOf(stream))?.describe(stream, record.atMs);
    }
  }
  return channels;
}
