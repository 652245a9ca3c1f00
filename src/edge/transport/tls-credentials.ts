/**
 * The certificate, key and authorities of an edge: read from files, and read again when these change.
 *
 * A change is noticed within `LOOK_AGAIN_MS`, or at once by `reload`. What is there stays in use until
 * what is new is whole: a certificate that does not belong to its key, half of a renewal, changes nothing.
 * Connections keep what they were opened with.
 *
 * Invariant 1: nothing out of a key file reaches an error or a log.
 */
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, rootCertificates, type SecureContext, type SecureContextOptions } from 'node:tls';
import { Failure } from '../../errors/index.js';
import type { TlsSettings } from '../edge-options.js';
import type { CancelTimer, Clock } from '../timing.js';

const LOOK_AGAIN_MS = 60_000;

type FileSetting = 'certFile' | 'keyFile' | 'caFile';

/** Codes only: the texts of OpenSSL are left out, as they are about a file with a key in it. */
const codeOf = (thrown: unknown): string => (thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unreadable');

function tlsFailure(what: string, thrown: unknown, facts: Readonly<Record<string, string>>): Failure {
  return new Failure('EDGE_TLS', `${what} (${codeOf(thrown)})`, { facts: { ...facts, code: codeOf(thrown) } });
}

interface Loaded {
  readonly material: SecureContextOptions;
  readonly context: SecureContext;
}

async function load(settings: TlsSettings): Promise<Loaded> {
  const read = async (setting: FileSetting, file: string): Promise<Buffer> => {
    try {
      return await readFile(file);
    } catch (thrown) {
      throw tlsFailure(`${file} cannot be read (setting: tls.${setting})`, thrown, { file, setting });
    }
  };
  const cert = await read('certFile', settings.certFile);
  const key = await read('keyFile', settings.keyFile);
  const ca = settings.caFile === undefined ? undefined : await read('caFile', settings.caFile);
  const { certFile, keyFile, caFile } = settings;
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw new Failure('EDGE_TLS', `${caFile ?? ''} holds no certificate in PEM form (setting: tls.caFile)`, { facts: { file: caFile ?? '', setting: 'caFile' } });
  }
  const material: SecureContextOptions = { cert, key, ca: ca ?? [...rootCertificates], minVersion: 'TLSv1.2' };
  try {
    return { material, context: createSecureContext(material) };
  } catch (thrown) {
    throw tlsFailure(
      `${certFile} and ${keyFile} are no certificate chain in PEM form and the key that belongs to it, or the key has a passphrase (settings: tls.certFile, tls.keyFile)`,
      thrown, { certFile, keyFile },
    );
  }
}

/** What tells one state of the files from another; links are followed. */
async function stateOf(settings: TlsSettings): Promise<string> {
  const files = [settings.certFile, settings.keyFile, ...(settings.caFile === undefined ? [] : [settings.caFile])];
  const states = await Promise.all(files.map(async (file) => {
    const { ino, mtimeMs, size } = await stat(file);
    return `${ino} ${mtimeMs} ${size}`;
  }));
  return states.join(', ');
}

export class TlsCredentials {
  #next: CancelTimer = () => undefined;
  #closed = false;
  readonly counts = { handshakesFailed: 0, peersNotTrusted: 0, reloadsFailed: 0 };

  private constructor(
    readonly settings: TlsSettings,
    private readonly clock: Clock,
    private loaded: Loaded,
    private state: string,
  ) {
    this.#lookLater();
  }

  /** Throws Failure EDGE_TLS when the files can't be used. */
  static async open(settings: TlsSettings, clock: Clock): Promise<TlsCredentials> {
    const loaded = await load(settings);
    return new TlsCredentials(settings, clock, loaded, await stateOf(settings).catch(() => ''));
  }

  /** For connections that are opened from now on. */
  get context(): SecureContext {
    return this.loaded.context;
  }

  /** The same for a server, which makes its own context of it: another object after each change. */
  get material(): SecureContextOptions {
    return this.loaded.material;
  }

  /** Reads the files again. Throws Failure EDGE_TLS and goes on with what there was, when they can't be used. */
  async reload(): Promise<void> {
    const state = await stateOf(this.settings).catch(() => '');
    try {
      this.loaded = await load(this.settings);
      this.state = state;
    } catch (thrown) {
      this.counts.reloadsFailed += 1;
      throw thrown;
    }
  }

  close(): void {
    this.#closed = true;
    this.#next();
  }

  #lookLater(): void {
    this.#next = this.clock.after(LOOK_AGAIN_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    const state = await stateOf(this.settings).catch(() => 'unreadable');
    if (state !== this.state) await this.reload().catch(() => undefined);
    if (!this.#closed) this.#lookLater();
  }
}
