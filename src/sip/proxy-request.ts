/**
 * Requests that are proxied: with Record-Route, their bodies untouched.
 *
 * Owns       the words for it, those of drachtio-server and those that only the embedded edge knows.
 */
import type Srf from 'drachtio-srf';
import { edgeExtensions } from '../edge/index.js';
import type { SipConnection } from './connection.js';
import type { SipRequest } from './drachtio-events.js';

export interface ProxyPlan {
  /** SIP URIs, of which one is tried after the other; each is also the Request-URI it is asked with. */
  readonly targets: readonly string[];
  /** Further headers of the forwarded request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Headers that stay behind; with drachtio-server they can't. */
  readonly strip: readonly string[];
  /** How long a target may say nothing, and how long the search may go on before the last is begun. */
  readonly answerWithinMs: number;
  readonly withinMs: number;
}

/** A final response of one target. */
export interface TargetAnswer {
  readonly address: string;
  readonly port: number;
  readonly status: number;
  readonly retryAfter: string | undefined;
}

export interface ProxyOutcome {
  /** Undefined when nobody answered. */
  readonly status: number | undefined;
  readonly answers: readonly TargetAnswer[];
}

/** What drachtio-srf tells of a proxied request. */
interface Results {
  readonly finalStatus?: number;
  readonly responses?: readonly {
    readonly address: string;
    readonly port: number;
    readonly msgs: readonly { readonly status: number; readonly msg: { has(name: string): boolean; get(name: string): string } }[];
  }[];
}

/** drachtio-srf takes no sips: URI for a target. */
const withoutSips = (uri: string): string => (/^sips:/iu.test(uri) ? `sip:${uri.slice(5).replace(/;transport=[^;?]*/iu, '')};transport=tls` : uri);

/**
 * Resolves when the caller has its final response. The next target is tried when one says 503, 408 or nothing at
 * all, and only before anything went back. A drachtio-server tries the next after any refusal: it is given the
 * first only.
 */
export const proxyRequest = ({ srf, embedded }: Pick<SipConnection, 'srf' | 'embedded'>, request: SipRequest, plan: ProxyPlan): Promise<ProxyOutcome> =>
  new Promise((resolve) => {
    const targets = plan.targets.map(withoutSips);
    const several = targets.length > 1;
    const { failover, retarget, strip } = edgeExtensions;
    const asked = !embedded
      ? {}
      : {
          [retarget]: 'yes',
          [failover]: `${plan.withinMs}`,
          ...(plan.strip.length === 0 ? {} : { [strip]: plan.strip.join(', ') }),
        };
    // The published types of drachtio-srf do not know that headers can be added.
    const options = {
      recordRoute: true,
      ...(embedded && several ? { provisionalTimeout: `${plan.answerWithinMs}ms` } : {}),
      headers: { ...plan.headers, ...asked },
    } as Srf.ProxyRequestOptions;
    srf.proxyRequest(request, embedded ? targets : targets.slice(0, 1), options, (_error, results: unknown) => {
      const { finalStatus, responses = [] } = (results ?? {}) as Results;
      const answers = responses.flatMap(({ address, port, msgs }) =>
        msgs.map(({ status, msg }) => ({ address, port, status, retryAfter: msg.has('retry-after') ? msg.get('retry-after') : undefined })),
      );
      resolve({ status: finalStatus, answers });
    });
  });
