/** What an edge is opened with, and what it is to whoever opened it. */
import type { TurnedAway } from './admission/admission.js';
import type { SourceLimit } from './admission/source-limit.js';

export interface ListenAddress {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  /** 0 lets the operating system choose. */
  readonly port: number;
}

export interface TlsSettings {
  /** The edge's certificate, followed by those of its intermediate authorities, in PEM form; and its key. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The authorities whose certificates are believed, in place of the public ones that node knows. */
  readonly caFile?: string | undefined;
  /** Whether peers that connect are asked for a certificate, and turned away without a good one. */
  readonly clientCertificate: 'none' | 'request' | 'require';
  /**
   * What a server must prove that the edge connects to: to be the one asked for (`name`), to have a
   * certificate of an authority (`chain`), or nothing (`off`).
   */
  readonly verifyPeer: 'name' | 'chain' | 'off';
}

/** PEM texts, not names of files. */
export interface AdminTls {
  readonly certificate: string;
  readonly key: string;
  /** Intermediate certificates. */
  readonly chain?: string;
  readonly dhParameters?: string;
  /** A port for TLS beside the one without; absent: the one port there is speaks TLS only. */
  readonly port?: number;
}

export interface AdminAddress {
  readonly host: string;
  readonly port: number;
  readonly tls?: AdminTls;
}

/**
 * Who is asked what becomes of new requests of a method, in place of the applications that have
 * registered for it (drachtio-server's `request-handler`).
 */
export interface RequestHandler {
  /** A SIP method, or `*` (the default) for those without a handler of their own. The first of a method counts. */
  readonly method?: string;
  /** `tcp://host:port` or `tls://host:port`: an application that listens there. `http(s)://…`: a service that decides. */
  readonly url: string;
  /** For http: GET (the default), or POST with the SIP message as body. */
  readonly httpMethod?: 'GET' | 'POST';
  /** For https and TLS: whether the certificate must be one that this machine trusts (the default). */
  readonly verifyPeer?: boolean;
}

/** Who is heard, and how much. */
export interface SourceOptions {
  /**
   * Out-of-dialog requests from sources outside this list of CIDR blocks and addresses are dropped
   * without any answer. Absent: all sources are passed to the application.
   */
  readonly silentUnless?: readonly string[];
  /** Bounds what each single source may begin; absent: no such bound. */
  readonly sourceLimit?: SourceLimit;
}

export interface EdgeOptions extends SourceOptions {
  readonly listen: readonly ListenAddress[];
  /** Where applications connect with the drachtio protocol; port 0 lets the operating system choose. */
  readonly admin: AdminAddress;
  /** What applications authenticate with. */
  readonly secret: string;
  /**
   * Whether requests in a dialog go where the peer's messages come from, when its Contact names another
   * place and no proxy stands between. On unless set to false.
   */
  readonly natDetection?: boolean;
  /** Whether applications are told whom a peer has proved to be over TLS, see app/extensions. Off unless set. */
  readonly tellTlsIdentity?: boolean;
  /** Needed where `listen` has a tls address. */
  readonly tls?: TlsSettings | undefined;
  /** DNS servers to ask in place of the system's, as `192.0.2.1` or `192.0.2.1:53`. */
  readonly dnsServers?: readonly string[];
  readonly requestHandlers?: readonly RequestHandler[];
  /**
   * Whether applications that ask for `cdr:…` events are sent call records: all, or of the calls that run through
   * after they were proxied only the end, `cdr:stop` with the BYE as it came.
   */
  readonly cdrs?: boolean | 'proxied-ends';
}

export interface TlsCounts {
  /** Peers that connected and did not come through the handshake. */
  readonly handshakesFailed: number;
  /** Peers, in both directions, whose certificate did not prove what it had to. */
  readonly peersNotTrusted: number;
  /** Times that changed files could not be used; the edge went on with what it had. */
  readonly reloadsFailed: number;
}

export interface EdgeStats {
  /** SIP messages that arrived, readable or not. */
  readonly received: number;
  /** Messages that could not be read, by reason out of a closed list. */
  readonly malformed: Readonly<Record<string, number>>;
  /** Requests from sources that are not listened to. */
  readonly droppedSources: number;
  /** New requests that were answered 503, or nothing, by why. */
  readonly turnedAway: Readonly<TurnedAway>;
  readonly transactions: number;
  readonly dialogs: number;
  /** Present where the edge has a certificate. */
  readonly tls?: TlsCounts;
}

export interface Edge {
  /** The addresses listened on, with the real ports, in the order of the options. */
  readonly listening: readonly ListenAddress[];
  /** `tlsPort` where TLS has a port of its own. */
  readonly admin: { readonly host: string; readonly port: number; readonly tlsPort?: number };
  stats(): EdgeStats | Promise<EdgeStats>;
  /**
   * Reads the certificate files again, for connections from now on; the edge also does so by itself within a
   * minute of a change. Throws Failure EDGE_TLS, and goes on with what it had, when they can't be used.
   */
  reloadTls(): Promise<void>;
  /** Who is heard from now on. Throws Failure CONFIG_INVALID for an entry that is no address; then nothing changes. */
  setSources(sources: SourceOptions): Promise<void>;
  /** Closes every socket and timer. Calls are left as they are. */
  close(): Promise<void>;
}
