/**
 * Where each segment lies in the recording: pure.
 *
 * Both channels are placed on the recorder's clock, by arrival. Where both parties send sender reports whose
 * wall clocks agree with ours, those place the channels instead: they are free of the network's delay.
 */
import type { Channel } from './channel.js';
import type { Segment } from './track.js';

/** A wall clock this near to ours is taken for synchronised; a worse one is not asked for the time. */
const clockAgreementMs = 20;

export interface Plan {
  readonly sampleRate: number;
  /** Unix ms of the recording's first sample. */
  readonly originMs: number;
  /** Samples a channel. */
  readonly frames: number;
  /** Frame of the packet that began a segment. */
  startOf(segment: Segment): number;
}

interface Located {
  readonly segment: Segment;
  readonly clockRate: number;
}

/** Undefined when no channel holds a sample. */
export function planRecording(channels: readonly Channel[], sampleRate: number): Plan | undefined {
  const byChannel = channels.map((channel) => segmentsOf(channel)).filter((segments) => segments.length > 0);
  const all = byChannel.flat();
  if (all.length === 0) return undefined;
  const trustSenders = byChannel.every((segments) => segments.some(clockAgrees)) && all.every(({ segment }) => segment.senderBaseMs === undefined || clockAgrees({ segment }));
  const baseOf = (segment: Segment): number => (trustSenders ? (segment.senderBaseMs ?? segment.baseMs) : segment.baseMs);
  const originMs = Math.min(...all.map(({ segment, clockRate }) => baseOf(segment) + (segment.startTicks * 1000) / clockRate));
  const startOf = (segment: Segment): number => Math.round(((baseOf(segment) - originMs) * sampleRate) / 1000);
  const frames = Math.max(...all.map(({ segment, clockRate }) => startOf(segment) + framesIn(segment.endTicks, clockRate, sampleRate)));
  return { sampleRate, originMs, frames, startOf };
}

/** Ticks of an RTP clock in samples of the recording. */
export const framesIn = (ticks: number, clockRate: number, sampleRate: number): number => Math.round((ticks * sampleRate) / clockRate);

const clockAgrees = ({ segment }: { segment: Segment }): boolean =>
  segment.senderBaseMs !== undefined && Math.abs(segment.senderBaseMs - segment.baseMs) <= clockAgreementMs;

export const segmentsOf = (channel: Channel): readonly Located[] =>
  [...channel.tracks.values()].flatMap((track) => track.segments.map((segment) => ({ segment, clockRate: track.clockRate })));
