/**
 * The running product: opens the roles that were asked for, joins them, and closes them in reverse order.
 *
 * Wiring only: what a role does stands in its folder.
 */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { noAnchor, openFreeswitch, openRelay, openRtpengine, openXmf, type Anchor } from '../anchor/index.js';
import { localLibrary, openHttp } from '../api/index.js';
import type { Config } from '../config/index.js';
import { Failure, messageOf } from '../errors/index.js';
import { srtpBy, useOpenSsl } from '../media/index.js';
import { createHealth, createMetrics, type Health, type Log, type Metrics, type SipRejectReason, type TlsFailureReason } from '../ops/index.js';
import { Policy } from '../policy/index.js';
import { openPolicyService, type PolicyService } from '../policy-service/index.js';
import { asksForIdentity, loadAnnouncements, openProxy, watchForCaptures, type Proxy } from '../proxy/index.js';
import { openRecorder, openSignsOfLife, recoverCaptures, watchRecorders, type Recorder } from '../recorder/index.js';
import { connectSip, type KnownSources, type SipConnection, type SipSettings } from '../sip/index.js';
import { openStitcher, type Stitcher } from '../stitch/index.js';
import { useNativeStreams } from '../vault/index.js';
import { openPacketCounters, type PacketCounters } from './packet-counters.js';
import { makeToken, openSite, type Site } from './site.js';

export const roleNames = ['proxy', 'recorder', 'stitcher', 'api'] as const;
export type Role = (typeof roleNames)[number];

export interface ProductOptions {
  readonly config: Config;
  readonly roles: readonly Role[];
  readonly log: Log;
  readonly version: string;
}

export interface Product {
  /** Where it can be reached, for a person to read. */
  readonly addresses: readonly { readonly what: string; readonly where: string }[];
  /** Calls that run. */
  readonly calls: number;
  /** Takes no new calls; resolves when the last of the old has ended, and the recorder has given its sessions to others. Health says so meanwhile, that others send theirs elsewhere. */
  drain(): Promise<void>;
  /**
   * Takes another configuration for calls that begin from now on; gives the keys that differ and need a restart, of
   * which it keeps what was. @throws Failure when it cannot be taken: then all stays as it was.
   */
  reload(config: Config): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** What the roles share, and the list of what is to be closed. */
interface Parts {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly counters: PacketCounters;
  readonly site: Site;
  readonly owe: (close: () => Promise<void> | void) => void;
}

/** @throws Failure when a part cannot be opened; those opened before are closed again. */
export async function openProduct({ config, roles, log, version }: ProductOptions): Promise<Product> {
  const debts: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (let debt = debts.pop(); debt !== undefined; debt = debts.pop()) {
      try {
        await debt();
      } catch (error) {
        log.error({ reason: messageOf(error) }, 'a part did not close well');
      }
    }
  };
  try {
    const current = { recording: config.recording };
    const { addresses, proxy, recorder } = await openParts({ config, roles, log, version }, current, (debt) => debts.push(debt));
    return {
      addresses,
      get calls() {
        return proxy?.calls ?? 0;
      },
      drain: async () => {
        await proxy?.drain();
        if (recorder === undefined) return;
        if (recorder.sessions > 0) log.info({ sessions: recorder.sessions }, 'running recording sessions are given to other recorders');
        await recorder.drain();
      },
      reload: async (changed) => {
        current.recording = changed.recording;
        const kept = restartKeys.filter((key) => !isDeepStrictEqual(config[key], changed[key]));
        return [...kept, ...((await proxy?.reload(changed)) ?? [])];
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @param current what changes while the product runs */
async function openParts({ config, roles, log, version }: ProductOptions, current: { readonly recording: Config['recording'] }, owe: Parts['owe']): Promise<{ addresses: Product['addresses']; proxy: ProxyRole | undefined; recorder: Recorder | undefined }> {
  const metrics = createMetrics();
  const health = createHealth({ version });
  const counters = openPacketCounters(metrics);
  owe(() => counters.close());
  const site = await openSite(config, {
    waiting: (entries) => metrics.ledgerWaiting(entries),
    behind: (reason) => log.error({ reason }, 'the ledger takes no entries; they are kept, and entered when it does again'),
    caughtUp: () => log.info('the ledger has taken all entries that were kept'),
  });
  owe(() => site.close());
  health.register('ledger', () => site.ledger.health());
  const parts: Parts = { config, log, metrics, health, counters, site, owe };

  // Another process on this machine may carry calls.
  const interrupted = roles.includes('proxy') ? await site.ledger.interruptCalls(config.node, Date.now()) : 0;
  for (let n = 0; n < interrupted; n += 1) metrics.callEnded('interrupted');
  if (interrupted > 0) log.warn({ calls: interrupted }, 'calls were cut off when this node died');

  useOpenSsl(config.recorder.media.accelerator === 'auto');
  useNativeStreams(config.recorder.media.accelerator === 'auto');
  const addresses: { what: string; where: string }[] = [];
  let stitcher: Stitcher | undefined;
  const ofRecorder = roles.includes('recorder') ? await openRecorderRole(parts, () => stitcher?.poke()) : undefined;
  if (ofRecorder !== undefined) addresses.push(...ofRecorder.addresses);
  if (roles.includes('stitcher')) {
    log.info({ role: 'stitcher', by: srtpBy() }, 'how SRTP is decrypted');
    stitcher = openStitcher({ ledger: site.ledger, keys: site.keys, store: site.store, log: log.child({ role: 'stitcher' }), metrics, recording: () => current.recording });
    owe(() => stitcher?.close());
  }
  if (isShared(config) && (roles.includes('recorder') || roles.includes('stitcher'))) {
    const watch = watchRecorders({
      ledger: site.ledger,
      own: roles.includes('recorder') ? config.recorder.name : undefined,
      deadAfterMs: config.recorder.deadAfterSeconds * 1_000,
      log,
      metrics,
      onRecovered: () => stitcher?.poke(),
    });
    owe(() => watch.close());
  }
  const proxy = roles.includes('proxy') ? await openProxyRole(parts) : undefined;
  if (proxy !== undefined) addresses.push({ what: 'trunks (SIP)', where: proxy.where });
  const http = await openHttp({
    ...config.http,
    log: log.child({ role: 'http' }),
    health,
    metrics,
    ...(roles.includes('api') ? { token: await makeToken(site.paths), library: localLibrary(site.ledger, site.store, site.keys.public), ...(proxy === undefined ? {} : { calls: proxy.running }) } : {}),
  });
  owe(() => http.close());
  addresses.push({ what: 'health, metrics, API', where: `http://${http.host}:${http.port}` });
  return { addresses, proxy, recorder: ofRecorder?.recorder };
}

/** Whether other processes may use the same ledger. */
const isShared = ({ ledger }: Config): boolean => ledger.postgres !== undefined;

async function openRecorderRole(parts: Parts, onCaptureClosed: () => void): Promise<{ addresses: Product['addresses']; recorder: Recorder }> {
  const { config, log, metrics, counters, site, owe } = parts;
  const settings = config.recorder;
  if (isShared(config)) {
    const signs = await openSignsOfLife({ recorder: settings.name, folder: site.paths.captures, ledger: site.ledger });
    owe(() => signs.close());
  }
  // A disk that is full keeps nobody from carrying calls: the captures are found again at the next start.
  const recovered = await recoverCaptures({ recorder: settings.name, captureDir: site.paths.captures, olderDir: site.paths.allCaptures, ledger: site.ledger }).catch((error: unknown) => {
    if (!(error instanceof Failure && error.code === 'CAPTURE_WRITE')) throw error;
    log.error({ code: error.code }, error.message);
    return [];
  });
  for (const _ of recovered) metrics.captureEnded('cut');
  if (recovered.length > 0) log.warn({ captures: recovered.length }, 'captures were cut off when this recorder died; what they hold is stitched');
  const sip = await openSip(parts, 'recorder', settings.sip, { sources: settings.sources, answersOthers: true }, settings.tlsIdentities !== undefined);
  const recorder = await openRecorder({
    settings,
    sip,
    captureDir: site.paths.captures,
    sealTo: site.keys.public,
    ledger: site.ledger,
    log: log.child({ role: 'recorder' }),
    metrics,
    observer: counters.intake,
    onCaptureClosed,
  });
  owe(() => recorder.close());
  // Calls go on without it: the product is not what it should be, and works.
  parts.health.register('recorder', () => Promise.resolve({ ok: recorder.alarms.length === 0, detail: recorder.alarms.length > 0 ? recorder.alarms.join('; ') : `${recorder.draining ? 'no new recording sessions are taken; ' : ''}${recorder.sessions} recording sessions run` }), { optional: true });
  const { audioWhere } = recorder;
  return { recorder, addresses: [{ what: 'recorder (SIPREC)', where: sip.contacts.join(' ') }, ...(audioWhere === undefined ? [] : [{ what: 'recorder (audio over WebSocket)', where: audioWhere }])] };
}

interface ProxyRole extends Pick<Proxy, 'running' | 'calls' | 'drain'> {
  readonly where: string;
  reload(config: Config): Promise<readonly string[]>;
}

/** What is opened once and stays as it is until the next start. */
const restartKeys = ['node', 'dataDir', 'ledger', 'log', 'http', 'sip', 'anchor', 'recorder', 'drain'] as const;

/** The edge also hears FreeSWITCHes, which hang up; what they may do there the proxy knows. */
const knownTo = ({ trunks, strangers, anchor: { freeswitch } }: Config): KnownSources => ({
  sources: [...trunks.flatMap(({ sources }) => sources), ...(freeswitch?.nodes ?? []).map(({ host }) => host)],
  answersOthers: strangers !== 'ignore',
});

async function openProxyRole(parts: Parts): Promise<ProxyRole> {
  const { config, log, metrics, health, site, owe } = parts;
  const announcements = await loadAnnouncements(config.policy);
  const identities = asksForIdentity(config);
  // An anchor may need the edge to end what it carries.
  const sip = await openSip(parts, 'proxy', config.sip, knownTo(config), identities);
  const anchor = await openAnchor(parts, sip);
  owe(() => anchor.close());
  health.register('anchor', () => Promise.resolve(anchor.health()));
  const openService = async ({ policy }: Config): Promise<PolicyService | undefined> =>
    policy.service === undefined
      ? undefined
      : openPolicyService(policy.service, { local: new Policy(policy), log: log.child({ role: 'policy' }), metrics, now: () => performance.now(), random: Math.random });
  let policyService = await openService(config);
  owe(() => policyService?.close());
  const proxy = openProxy({
    settings: config,
    sip,
    anchor,
    announcements,
    ledger: site.ledger,
    ...(policyService === undefined ? {} : { policyService }),
    log: log.child({ role: 'proxy' }),
    metrics,
    node: config.node,
  });
  owe(() => proxy.close());
  const { none } = config.anchor;
  if (none !== undefined) owe(watchForCaptures({ settings: none, node: config.node, ledger: site.ledger, log: log.child({ role: 'proxy' }), metrics, now: Date.now }));
  health.register('calls', () => {
    const { calls, draining } = proxy;
    return Promise.resolve(draining ? { ok: false, detail: `no new calls are taken; ${calls} run` } : { ok: true, detail: `${calls} calls run` });
  });
  return {
    where: sip.contacts.join(' '),
    running: proxy.running,
    get calls() {
      return proxy.calls;
    },
    drain: () => proxy.drain(),
    async reload(changed) {
      if (asksForIdentity(changed) && !identities) throw new Failure('CONFIG_INVALID', 'trunks[].tlsIdentities: that the edge tells them needs a restart, no trunk had any at the start');
      const sounds = await loadAnnouncements(changed.policy);
      const service = await openService(changed);
      const before = policyService;
      try {
        await sip.know(knownTo(changed));
        const settled = proxy.reload({ settings: { ...changed, sip: config.sip, anchor: config.anchor }, announcements: sounds, ...(service === undefined ? {} : { policyService: service }) });
        policyService = service;
        void settled.then(() => before?.close());
      } catch (error) {
        service?.close();
        throw error;
      }
      return [];
    },
  };
}

async function openAnchor({ config: { anchor: { relay, rtpengine, freeswitch, none } }, counters, log, metrics }: Parts, sip: SipConnection): Promise<Anchor> {
  const onCrash = (error: Error): void => {
    metrics.mediaThreadRestarted();
    log.error({ role: 'proxy', reason: error.message }, 'a media thread crashed and is started anew; its calls go on');
  };
  if (relay !== undefined) {
    const opened = await openRelay({ settings: relay, onCrash });
    counters.watch(() => opened.packets());
    return opened;
  }
  if (none?.xmf !== undefined) {
    return openXmf({
      settings: none.xmf,
      onChange: (gateway, up, reason) => log[up ? 'info' : 'error']({ role: 'proxy', gateway, reason }, up ? 'a Cisco gateway has registered us' : 'a Cisco gateway was lost'),
    });
  }
  if (none !== undefined) return noAnchor;
  if (freeswitch !== undefined) {
    return openFreeswitch({
      settings: freeswitch,
      srf: sip.srf,
      onChange: (name, up, reason) => log[up ? 'info' : 'error']({ role: 'proxy', freeswitch: name, reason }, up ? 'a FreeSWITCH answers again' : 'a FreeSWITCH was lost'),
    });
  }
  assert(rtpengine !== undefined, 'the configuration has one of them');
  const opened = await openRtpengine({
    settings: rtpengine,
    onChange: (name, up, reason) => log[up ? 'info' : 'error']({ role: 'proxy', rtpengine: name, reason }, up ? 'an rtpengine answers again' : 'an rtpengine was lost'),
    onCrash,
  });
  const { packets } = opened;
  if (packets !== undefined) counters.watch(packets);
  return opened;
}

async function openSip(parts: Parts, role: string, settings: SipSettings, known: KnownSources, tellTlsIdentity = false): Promise<SipConnection> {
  const { log, metrics, health, owe } = parts;
  const sip = await connectSip({
    settings,
    known,
    tellTlsIdentity,
    onCrash: (error) => {
      metrics.edgeRestarted();
      log.error({ role, reason: error.message }, 'the embedded SIP edge crashed and is started anew');
    },
    onTrouble: (what) => log.error({ role }, what),
  });
  owe(() => sip.close());
  owe(countEdge(sip, metrics));
  health.register(`sip-${role}`, () => Promise.resolve({ ok: sip.healthy(), detail: sip.healthy() ? 'the SIP edge is connected' : 'the SIP edge is not reachable' }));
  return sip;
}

const countEveryMs = 5_000;

/** Asks the edge now and then; returns what ends that. */
function countEdge(sip: SipConnection, metrics: Metrics): () => void {
  const rejected = increments((reason: SipRejectReason, by) => metrics.sipRejected(reason, by));
  const tlsFailed = increments((reason: TlsFailureReason, by) => metrics.tlsFailed(reason, by));
  const ask = async (): Promise<void> => {
    const counts = await sip.counts();
    rejected(counts.rejected);
    tlsFailed(counts.tlsFailed);
  };
  // An edge that does not answer is told by its health check.
  const timer = setInterval(() => void ask().catch(() => undefined), countEveryMs);
  return () => clearInterval(timer);
}

/** Passes on what has been added to counts since they were last given. An edge that was started anew counts from 0 again. */
function increments<Reason extends string>(add: (reason: Reason, by: number) => void): (counts: Readonly<Partial<Record<Reason, number>>>) => void {
  const known = new Map<Reason, number>();
  return (counts) => {
    for (const [reason, now] of Object.entries(counts) as [Reason, number][]) {
      const before = known.get(reason) ?? 0;
      if (now !== before) add(reason, now > before ? now - before : now);
      known.set(reason, now);
    }
  };
}
