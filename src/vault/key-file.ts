/**
 * The two key files of a vault, as text.
 *
 * vault.key  {"format":"twintrack-vault-key","version":1,"keyId":H,"sealSeed":B,"signSeed":B}
 * vault.pub  {"format":"twintrack-vault-public","version":1,"keyId":H,"sealTo":B,"verifyWith":B}
 *
 * H is 32 hex digits, B is base64 of 32 bytes. One line, exactly as written above (no spaces, this order), with or
 * without a line end. A file is valid when encoding what was parsed gives the same text and the key id belongs to
 * the keys: so every flipped bit shows. Files appear whole (written aside, synced, then named), hence a crash
 * leaves either no file or a valid one.
 *
 * Leaves to  key-store.ts the disk.
 */
import { keyIdOf, keysFromSeeds, publicKeyBytes, seedBytes, type Seeds, type VaultKeys, type VaultPublic } from './keys.js';
import type { Sodium } from './sodium.js';

/** No key file is longer. */
export const maxKeyFileBytes = 1024;

export type KeyFileReject = 'not-a-key-file' | 'unknown-version' | 'damaged';

const keyFormat = 'twintrack-vault-key';
const publicFormat = 'twintrack-vault-public';
const version = 1;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

export const encodeKeyFile = (keyId: string, seeds: Seeds): string =>
  JSON.stringify({
    format: keyFormat,
    version,
    keyId,
    sealSeed: base64(seeds.sealSeed),
    signSeed: base64(seeds.signSeed),
  });

export const encodePublicFile = ({ keyId, sealTo, verifyWith }: VaultPublic): string =>
  JSON.stringify({
    format: publicFormat,
    version,
    keyId,
    sealTo: base64(sealTo),
    verifyWith: base64(verifyWith),
  });

export function parseKeyFile(sodium: Sodium, text: string): VaultKeys | KeyFileReject {
  const fields = parseFields(text, keyFormat);
  if (typeof fields === 'string') return fields;
  const sealSeed = bytesOf(fields['sealSeed'], seedBytes);
  const signSeed = bytesOf(fields['signSeed'], seedBytes);
  if (sealSeed === undefined || signSeed === undefined) return 'damaged';
  const keys = keysFromSeeds(sodium, { sealSeed, signSeed });
  return encodeKeyFile(keys.public.keyId, { sealSeed, signSeed }) === lineOf(text) ? keys : 'damaged';
}

export function parsePublicFile(sodium: Sodium, text: string): VaultPublic | KeyFileReject {
  const fields = parseFields(text, publicFormat);
  if (typeof fields === 'string') return fields;
  const sealTo = bytesOf(fields['sealTo'], publicKeyBytes);
  const verifyWith = bytesOf(fields['verifyWith'], publicKeyBytes);
  if (sealTo === undefined || verifyWith === undefined) return 'damaged';
  const found: VaultPublic = { keyId: keyIdOf(sodium, sealTo, verifyWith), sealTo, verifyWith };
  return encodePublicFile(found) === lineOf(text) ? found : 'damaged';
}

const lineOf = (text: string): string => text.replace(/\r?\n$/, '');

function parseFields(text: string, format: string): Record<string, unknown> | KeyFileReject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own error quotes the text, which may be a key: it goes no further.
    return 'not-a-key-file';
  }
  if (typeof parsed !== 'object' || parsed === null) return 'not-a-key-file';
  const fields: Record<string, unknown> = { ...parsed };
  if (fields['format'] !== format) return 'not-a-key-file';
  return fields['version'] === version ? fields : 'unknown-version';
}

function bytesOf(value: unknown, length: number): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined;
  const bytes = Buffer.from(value, 'base64');
  return bytes.length === length ? Uint8Array.from(bytes) : undefined;
}
