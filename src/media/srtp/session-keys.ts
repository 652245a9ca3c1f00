/**
 * Session keys out of a master key (RFC 3711 §4.3, RFC 6188 §3, RFC 7714 §11).
 *
 * Owns       the key derivation.
 * Leaves to  the transforms the use, and to its users that keys never reach a log.
 */
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { keySaltBytes, suites, type SrtpSuite } from './suites.js';

export interface SessionKeys {
  key: Buffer;
  salt: Buffer;
  /** 20 octets; empty for GCM, which needs none */
  authenticationKey: Buffer;
}

export interface DerivedKeys {
  rtp: SessionKeys;
  rtcp: SessionKeys;
}

const authenticationKeyBytes = 20;

/**
 * All session keys of a suite.
 * @param stretch the packet index divided by the key derivation rate; 0 where keys never change
 * @param keySalt master key, then master salt; of another length than the suite says, it asserts
 */
export function deriveSessionKeys(suite: SrtpSuite, keySalt: Buffer, stretch = 0): DerivedKeys {
  assert(keySalt.length === keySaltBytes(suite), 'key and salt are as long as the suite says');
  const { family, keyBytes, saltBytes } = suites[suite];
  const masterKey = keySalt.subarray(0, keyBytes);
  const masterSalt = keySalt.subarray(keyBytes);
  // RFC 3711 §4.3.2: labels 0, 1, 2 for RTP; 3, 4, 5 for RTCP.
  const keysFrom = (label: number): SessionKeys => ({
    key: deriveKey(masterKey, masterSalt, label, keyBytes, stretch),
    authenticationKey:
      family === 'aes-gcm' ? Buffer.alloc(0) : deriveKey(masterKey, masterSalt, label + 1, authenticationKeyBytes, stretch),
    salt: deriveKey(masterKey, masterSalt, label + 2, saltBytes, stretch),
  });
  return { rtp: keysFrom(0), rtcp: keysFrom(3) };
}

/** One derived key (RFC 3711 §4.3.1 and §4.3.3): keystream of the master key over salt and label. */
export function deriveKey(masterKey: Buffer, masterSalt: Buffer, label: number, bytes: number, stretch = 0): Buffer {
  const iv = Buffer.alloc(16);
  // RFC 7714 §11: a salt of 12 octets stands to the left as well, followed by zeros.
  masterSalt.copy(iv);
  // RFC 3711 §4.3.1: key_id is the label, then 48 bits of index DIV rate, in the same place as the end of the salt.
  const keyId = Buffer.alloc(7);
  keyId.writeUInt8(label, 0);
  keyId.writeUIntBE(stretch, 1, 6);
  for (let n = 0; n < keyId.length; n += 1) iv.writeUInt8(iv.readUInt8(7 + n) ^ keyId.readUInt8(n), 7 + n);
  return createCipheriv(`aes-${masterKey.length * 8}-ctr`, masterKey, iv).update(Buffer.alloc(bytes));
}
