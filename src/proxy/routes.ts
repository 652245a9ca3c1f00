/** Where a call goes: the first route that fits it, else the next hops of its trunk. Pure. */
import { openNumbers, type Numbers, type Subscriber } from '../policy/index.js';
import { ownHops, readHops, type NextHop } from './next-hops.js';
import type { RouteSettings, TrunkSettings } from './trunk-settings.js';

export interface Destination {
  /** For people: `route 2, to trunk pbx-a`. */
  readonly by: string;
  readonly hops: readonly NextHop[];
}

/** What a route looks at; numbers as they were dialled. */
export interface RoutedCall {
  readonly trunk: string;
  readonly caller: Subscriber;
  readonly callee: Subscriber;
}

interface Route extends Destination {
  readonly from: readonly string[] | undefined;
  readonly caller: Numbers | undefined;
  readonly callee: Numbers | undefined;
}

export interface Routing {
  /** Undefined when there is no way for the call. */
  of(call: RoutedCall): Destination | undefined;
  /** Every list of next hops there is, with the trunk or route that it belongs to. */
  readonly lists: readonly { readonly owner: string; readonly hops: readonly NextHop[] }[];
}

type Settings = readonly Pick<TrunkSettings, 'name' | 'nextHop' | 'nextHops' | 'gateways' | 'network'>[];

/** @param trunks and routes checked before: a route to nowhere is a bug here. */
export function readRouting(trunks: Settings, routes: readonly RouteSettings[]): Routing {
  const own = new Map(trunks.map((trunk) => [trunk.name, readHops(ownHops(trunk), trunk.network)]));
  const gateways = new Map(trunks.map((trunk) => [trunk.name, readHops(trunk.gateways, trunk.network)]));
  const inline: { owner: string; hops: readonly NextHop[] }[] = [];
  const read = routes.map(({ from, caller, callee, to, nextHops }, n): Route => {
    const owner = `route ${n + 1}`;
    const hops = to === undefined ? readHops(nextHops) : gateways.get(to);
    if (hops === undefined || hops.length === 0) throw new TypeError(`${owner} leads nowhere`);
    if (to === undefined) inline.push({ owner, hops });
    return {
      by: to === undefined ? owner : `${owner}, to trunk ${to}`,
      hops, from,
      caller: caller === undefined ? undefined : openNumbers(caller),
      callee: callee === undefined ? undefined : openNumbers(callee),
    };
  });
  const listed = (by: ReadonlyMap<string, readonly NextHop[]>) => [...by].filter(([, hops]) => hops.length > 0).map(([owner, hops]) => ({ owner, hops }));
  return {
    of: ({ trunk, caller, callee }) => {
      const route = read.find((each) => each.from?.includes(trunk) !== false && each.caller?.has(caller) !== false && each.callee?.has(callee) !== false);
      if (route !== undefined) return route;
      const hops = own.get(trunk) ?? [];
      return hops.length === 0 ? undefined : { by: `the next hops of trunk ${trunk}`, hops };
    },
    lists: [...listed(own), ...listed(gateways), ...inline],
  };
}
