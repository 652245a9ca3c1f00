/**
 * How loaded a recorder is, as it tells in its answers to OPTIONS: a header of ours, which others pass over.
 *
 *   X-Recorder-Load: sessions=12;ports=1990;free-mb=51200;draining
 *
 * `ports`: media ports that are free, in pairs; `free-mb`: megabytes that may still be written; both left out where they are
 * not known. Unknown parameters are passed over. Pure.
 */
export const recorderLoadHeader = 'X-Recorder-Load';

export interface RecorderLoad {
  /** Recording sessions that run. */
  readonly sessions: number;
  readonly freePorts?: number;
  readonly freeMb?: number;
  /** It takes no more, and ends those that run. */
  readonly draining: boolean;
}

const longestText = 512;
const number = /^\d{1,12}$/u;

export function encodeRecorderLoad({ sessions, freePorts, freeMb, draining }: RecorderLoad): string {
  return [
    `sessions=${sessions}`,
    ...(freePorts === undefined ? [] : [`ports=${freePorts}`]),
    ...(freeMb === undefined ? [] : [`free-mb=${freeMb}`]),
    ...(draining ? ['draining'] : []),
  ].join(';');
}

export function parseRecorderLoad(text: string): RecorderLoad | 'malformed' {
  if (text.length > longestText) return 'malformed';
  const said = new Map(text.split(';').map((parameter) => {
    const [name = '', value = ''] = parameter.split('=', 2);
    return [name.trim().toLowerCase(), value.trim()] as const;
  }));
  const read = (name: string): number | undefined => {
    const value = said.get(name);
    return value !== undefined && number.test(value) ? Number(value) : undefined;
  };
  const [sessions, freePorts, freeMb] = [read('sessions'), read('ports'), read('free-mb')];
  if (sessions === undefined) return 'malformed';
  return { sessions, ...(freePorts === undefined ? {} : { freePorts }), ...(freeMb === undefined ? {} : { freeMb }), draining: said.has('draining') };
}
