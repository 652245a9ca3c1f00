/**
 * What is played in one call: uuid_displace adds a file's samples to what an endpoint sends, and uuid_audio silences
 * the other party in it before, where a sound is to be in its place. uuid_displace alone (without "mux") would also
 * silence what the party itself says, for the other party and in the copies.
 *
 * A file that FreeSWITCH cannot open may cost the call (DISPLACE_HANGUP_ON_ERROR), so it is asked before whether it sees it.
 * That a sound has been heard it does not say: it has when its time is over.
 *
 * Owns       who is played what, and when it is over.
 * Leaves to  sound-files.ts the files.
 */
import type Mrf from 'drachtio-fsmrf';
import { otherSide, sides, type Play, type PlayEnd, type Playing, type PlayOutcome, type Side } from '../door.js';
import { InTurn } from '../in-turn.js';
import { playsNothing } from '../plays-nothing.js';
import type { MediaServerClient } from './media-server.js';
import type { SoundFiles } from './sound-files.js';

/** What is on its way to the party when the last sample has been read. */
const lastPacketsMs = 200;

export interface SoundsOptions {
  readonly files: SoundFiles | undefined;
  /** Undefined while there is none, and after the end. */
  readonly endpoint: (side: Side) => Mrf.Endpoint | undefined;
  readonly client: () => MediaServerClient | undefined;
}

type Order = readonly [command: 'uuid_audio' | 'uuid_displace', ...args: string[]];

interface Sounding {
  readonly cut: () => void;
}

export class SoundsInCall {
  readonly #options: SoundsOptions;
  readonly #now: Record<Side, Sounding | undefined> = { caller: undefined, callee: undefined };
  /** Commands to an endpoint go one after the other. */
  readonly #turns: Readonly<Record<Side, InTurn>> = { caller: new InTurn(), callee: new InTurn() };

  constructor(options: SoundsOptions) {
    this.#options = options;
  }

  play(play: Play): Playing {
    const { sound, to, over, meanwhile } = play;
    const { files } = this.#options;
    if (files === undefined) return playsNothing(play);
    const parts = to.map((side) => ({ side, ...this.#playTo(side, files.path(sound), sound.audio.durationMs, over === 'mix') }));
    // A side that is not played to is to hear nothing.
    const silenced = meanwhile !== 'silence' ? [] : sides.filter((side) => !to.includes(side) && to.includes(otherSide(side))).map((side) => this.#playTo(side, undefined, sound.audio.durationMs, false));
    const ended = Promise.all(parts.map(async ({ side, ended }) => [side, await ended] as const)).then((all) => Object.fromEntries(all) as PlayEnd);
    const stop = (): void => {
      for (const { cut } of [...parts, ...silenced]) cut();
    };
    void ended.then(() => silenced.forEach(({ cut }) => cut()));
    return { stop, ended };
  }

  /** The call is over. */
  end(): void {
    for (const side of sides) this.#now[side]?.cut();
  }

  /** @param path of what is played; undefined: silence */
  #playTo(side: Side, path: Promise<string> | undefined, durationMs: number, mixed: boolean): Sounding & { readonly ended: Promise<PlayOutcome> } {
    this.#now[side]?.cut();
    let outcome: PlayOutcome | undefined;
    const over = (): boolean => outcome !== undefined;
    let timer: NodeJS.Timeout | undefined;
    const undo: Order[] = [];
    let tell: (outcome: PlayOutcome) => void = () => undefined;
    const ended = new Promise<PlayOutcome>((resolve) => (tell = resolve));
    const finish = (came: PlayOutcome): void => {
      if (over()) return;
      outcome = came;
      clearTimeout(timer);
      if (this.#now[side] === sounding) this.#now[side] = undefined;
      for (const order of undo) this.#order(side, order);
      tell(came);
    };
    const sounding: Sounding = { cut: () => finish('cut') };
    this.#now[side] = sounding;
    path?.catch(() => undefined);
    this.#turns[side].run(async () => {
      const [endpoint, client] = [this.#options.endpoint(side), this.#options.client()];
      if (over()) return;
      if (endpoint === undefined || client === undefined) {
        finish('no-audio');
        return;
      }
      const file = await path;
      if (file !== undefined && !(await client.sees(file))) throw new Error('FreeSWITCH does not see the file');
      if (over()) return;
      // Silence comes first: what is added after it stays.
      if (!mixed) {
        undo.push(['uuid_audio', 'stop']);
        await this.#command(endpoint, client, ['uuid_audio', 'start', 'write', 'mute', '1']);
      }
      if (file !== undefined && !over()) {
        undo.unshift(['uuid_displace', 'stop', file]);
        await this.#command(endpoint, client, ['uuid_displace', 'start', file, '0', 'mux']);
      }
      if (!over()) timer = setTimeout(() => finish('played'), durationMs + lastPacketsMs);
    }).catch(() => finish('failed'));
    return { cut: sounding.cut, ended };
  }

  #order(side: Side, order: Order): void {
    const [endpoint, client] = [this.#options.endpoint(side), this.#options.client()];
    if (endpoint === undefined || client === undefined) return;
    // One that has come to its end is gone already.
    this.#turns[side].run(() => this.#command(endpoint, client, order)).catch(() => undefined);
  }

  async #command(endpoint: Mrf.Endpoint, client: MediaServerClient, [command, ...args]: Order): Promise<void> {
    const answer = await client.within(endpoint.api(command, [endpoint.uuid, ...args]), command);
    if (!answer.getBody().startsWith('+OK')) throw new Error('FreeSWITCH does not play it');
  }
}
