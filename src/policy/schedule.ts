/** Weekdays and times of day in a time zone. Pure: the instant is an argument. */

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];

export interface ScheduleSettings {
  /** `08:00`; with `to` before or at `from`, the time goes on past midnight and belongs to the day it began on. */
  readonly from: string;
  /** The first minute that is not in it; `24:00` is the end of the day. */
  readonly to: string;
  readonly days: readonly Weekday[];
  /** An IANA name, as `Europe/Berlin`. */
  readonly timeZone: string;
}

export interface Schedule {
  /** The local weekday and time, as `tue 17:45`. */
  local(atMs: number): string;
  holds(atMs: number): boolean;
}

const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** @param settings checked before. */
export function openSchedule({ from, to, days, timeZone }: ScheduleSettings): Schedule {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const [begin, end] = [minutesOf(from), minutesOf(to)];
  const wanted = new Set(days.map((day) => weekdays.indexOf(day)));
  const localOf = (atMs: number): { readonly day: number; readonly time: string } => {
    const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
    const day = weekdays.indexOf((parts.get('weekday') ?? '').toLowerCase() as Weekday);
    return { day, time: `${parts.get('hour') ?? ''}:${parts.get('minute') ?? ''}` };
  };
  return {
    local: (atMs) => {
      const { day, time } = localOf(atMs);
      return `${weekdays[day] ?? ''} ${time}`;
    },
    holds: (atMs) => {
      const { day, time } = localOf(atMs);
      const minute = minutesOf(time);
      if (begin < end) return wanted.has(day) && minute >= begin && minute < end;
      return (wanted.has(day) && minute >= begin) || (wanted.has((day + 6) % 7) && minute < end);
    },
  };
}
