/**
 * Signed documents: the manifests that say what is in the vault.
 *
 * One line of JSON, exactly
 *   {"document":D,"keyId":"H","signature":"S"}\n
 * D is canonical JSON (RFC 8785), H the vault's key id (32 hex digits), S base64 of the Ed25519 signature (64 bytes)
 * of  twintrack document\n  +  the document's name in the vault  +  \n  +  D.
 * The name is signed, so that one document cannot stand in for another. All after D has a fixed length, hence D is
 * found and its signature checked before anything in it is parsed. Any other spelling is refused, so every changed
 * bit shows. After a crash there is the old document, the new one or none.
 */
import { canonicalJson } from './canonical-json.js';
import { secretsOf, type VaultKeys, type VaultPublic } from './keys.js';
import { asBuffer, type Sodium } from './sodium.js';

/** No document is longer; bounds what reading one may take. */
export const maxDocumentBytes = 64 * 1024 * 1024;

export type DocumentReject = 'document-layout' | 'document-other-keys' | 'document-signature';

const head = '{"document":';
const middle = ',"keyId":"';
const beforeSignature = '","signature":"';
const end = '"}\n';
const keyIdDigits = 32;
const signatureDigits = 88;
const tailBytes = middle.length + keyIdDigits + beforeSignature.length + signatureDigits + end.length;

export function encodeDocument(sodium: Sodium, name: string, document: unknown, keys: VaultKeys): Buffer {
  const text = canonicalJson(document);
  const signature = sodium.crypto_sign_detached(signedBytes(name, Buffer.from(text)), secretsOf(keys).signWith);
  const tail = `${middle}${keys.public.keyId}${beforeSignature}${asBuffer(signature).toString('base64')}${end}`;
  return Buffer.from(head + text + tail);
}

/** `name` is the one it must have been signed under. */
export function parseDocument(
  sodium: Sodium,
  name: string,
  bytes: Buffer,
  keys: VaultPublic,
): { document: unknown } | DocumentReject {
  const tailAt = bytes.length - tailBytes;
  if (tailAt <= head.length || bytes.toString('latin1', 0, head.length) !== head) return 'document-layout';
  const tail = bytes.toString('latin1', tailAt);
  const keyId = tail.slice(middle.length, middle.length + keyIdDigits);
  const signature = Buffer.from(tail.slice(-end.length - signatureDigits, -end.length), 'base64');
  if (tail !== `${middle}${keyId}${beforeSignature}${signature.toString('base64')}${end}`) return 'document-layout';
  if (signature.length !== sodium.crypto_sign_BYTES) return 'document-layout';
  if (keyId !== keys.keyId) return 'document-other-keys';
  const text = bytes.subarray(head.length, tailAt);
  if (!sodium.crypto_sign_verify_detached(signature, signedBytes(name, text), keys.verifyWith)) return 'document-signature';
  try {
    return { document: JSON.parse(text.toString('utf8')) };
  } catch {
    return 'document-layout';
  }
}

const signedBytes = (name: string, text: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`twintrack document\n${name}\n`), text]);
