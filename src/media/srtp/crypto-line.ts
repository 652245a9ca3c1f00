/**
 * SDP security descriptions: the value of an `a=crypto` line (RFC 4568 §9.1, §9.2).
 *
 *   tag suite inline:base64[|lifetime][|mki:bytes] [session parameters]
 *
 * The value holds a master key: it is for the eyes of sip/ and srtp/ only, and a reason for refusing it
 * names no part of it.
 *
 * Owns       text to value and back.
 * Leaves to  sip/ offer and answer; receiver.ts and sender.ts the use.
 */
import assert from 'node:assert/strict';
import { isSrtpSuite, keySaltBytes, suites, type SrtpSuite } from './suites.js';

export interface MasterKeyIdentifier {
  /** as in each packet: `bytes` octets */
  value: Buffer;
  /** 1..128 */
  bytes: number;
}

export interface CryptoLine {
  /** 0..999,999,999; pairs offer and answer */
  tag: number;
  suite: SrtpSuite;
  /** master key, then master salt: as long as the suite says */
  keySalt: Buffer;
  /** after how many packets the key must be changed, 2^48 at most */
  lifetime?: number;
  mki?: MasterKeyIdentifier;
  /** as they stand, such as `KDR=0`, `UNENCRYPTED_SRTCP` */
  sessionParameters: readonly string[];
}

/** Why a value is not a crypto line that we can use; metric label, so the list is closed. */
export type CryptoReject =
  | 'too-long'
  | 'malformed'
  | 'bad-tag'
  | 'unknown-suite'
  | 'unknown-key-method'
  | 'several-keys'
  | 'bad-key'
  | 'bad-lifetime'
  | 'bad-mki';

const maxLineChars = 2048;
const maxKeys = 32;
const maxLifetime = 2 ** 48;
const harmless = /^(-.*|KDR=(?:\d|1\d|2[0-4])|WSH=\d+|UNENCRYPTED_SRTCP)$/i;
const harmlessOrFollowed = /^(-.*|KDR=(?:\d|1\d|2[0-4])|WSH=\d+|UNENCRYPTED_SRTCP|UNENCRYPTED_SRTP|UNAUTHENTICATED_SRTP)$/i;

/**
 * A line of several keys as lines of one each, every other line as it is (RFC 4568 §6.1: such keys are told apart by
 * their MKI, which each packet carries). Thirty-two keys at most; a line that has more is given back as it is.
 */
export function singleKeyLines(value: string): readonly string[] {
  const [, before = '', keyParams = '', after = ''] = /^\s*(\S+\s+\S+\s+)(\S+)(.*)$/su.exec(value.slice(0, maxLineChars + 1)) ?? [];
  const keys = keyParams.split(';').filter((key) => key !== '');
  return keys.length > 1 && keys.length <= maxKeys ? keys.map((key) => `${before}${key}${after}`) : [value];
}

/** Parses what follows `a=crypto:`. Names of suites and methods are taken in any case. */
export function parseCryptoLine(value: string): CryptoLine | CryptoReject {
  if (value.length > maxLineChars) return 'too-long';
  const [tag, suiteName, keyParams, ...sessionParameters] = value.trim().split(/[ \t]+/);
  if (tag === undefined || suiteName === undefined || keyParams === undefined) return 'malformed';
  if (!/^\d{1,9}$/.test(tag)) return 'bad-tag';
  const suite = suiteName.toUpperCase();
  if (!isSrtpSuite(suite)) return 'unknown-suite';
  if (keyParams.includes(';')) return 'several-keys';
  if (!/^inline:/i.test(keyParams)) return 'unknown-key-method';
  const key = parseKeyInfo(keyParams.slice('inline:'.length), suite);
  return typeof key === 'string' ? key : { tag: Number(tag), suite, ...key, sessionParameters };
}

/** The value for after `a=crypto:`. A line that could not have been parsed asserts. */
export function encodeCryptoLine(line: CryptoLine): string {
  assert(line.keySalt.length === keySaltBytes(line.suite), 'key and salt are as long as the suite says');
  const parts = [`inline:${line.keySalt.toString('base64')}`];
  if (line.lifetime !== undefined) parts.push(encodeLifetime(line.lifetime));
  if (line.mki !== undefined) parts.push(encodeMki(line.mki));
  return [line.tag, line.suite, parts.join('|'), ...line.sessionParameters].join(' ');
}

/**
 * Those session parameters of a line that change its packets in a way the receiver here does not follow:
 * such a line must not be accepted (RFC 4568 §6.3.8). What begins with a dash may be passed over, WSH
 * only advises (§6.3.7), and unencrypted SRTCP says so in each packet.
 */
export function unsupportedSessionParameters({ suite, sessionParameters }: Pick<CryptoLine, 'suite' | 'sessionParameters'>): string[] {
  // RFC 7714 §14.1: GCM goes neither without encryption nor without authentication.
  const followed = suites[suite].family === 'aes-gcm' ? harmless : harmlessOrFollowed;
  return sessionParameters.filter((parameter) => !followed.test(parameter));
}

type Key = Pick<CryptoLine, 'keySalt' | 'lifetime' | 'mki'>;

function parseKeyInfo(info: string, suite: SrtpSuite): Key | CryptoReject {
  const [base64 = '', ...rest] = info.split('|');
  // RFC 4568 §6.1 asks for the padding of base64; not all makers write it.
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return 'bad-key';
  const keySalt = Buffer.from(base64, 'base64');
  if (keySalt.length !== keySaltBytes(suite)) return 'bad-key';
  const key: Key = { keySalt };
  let next = rest.shift();
  if (next !== undefined && !next.includes(':')) {
    const lifetime = parseLifetime(next);
    if (lifetime === undefined) return 'bad-lifetime';
    key.lifetime = lifetime;
    next = rest.shift();
  }
  if (next !== undefined) {
    const mki = parseMki(next);
    if (mki === undefined) return 'bad-mki';
    key.mki = mki;
  }
  return rest.length > 0 ? 'malformed' : key;
}

function parseLifetime(text: string): number | undefined {
  const [, power, digits = ''] = /^(2\^)?(\d{1,15})$/.exec(text) ?? [];
  if (digits === '') return undefined;
  const lifetime = power === undefined ? Number(digits) : 2 ** Number(digits);
  return lifetime >= 1 && lifetime <= maxLifetime ? lifetime : undefined;
}

function encodeLifetime(lifetime: number): string {
  assert(Number.isSafeInteger(lifetime) && lifetime >= 1 && lifetime <= maxLifetime, 'a lifetime is 1 to 2^48 packets');
  const power = Math.log2(lifetime);
  return Number.isInteger(power) ? `2^${power}` : String(lifetime);
}

// RFC 4568 §6.1: a decimal number, then how many octets it takes in a packet.
function parseMki(text: string): MasterKeyIdentifier | undefined {
  const [, digits, length] = /^(\d{1,309}):(\d{1,3})$/.exec(text) ?? [];
  if (digits === undefined || length === undefined) return undefined;
  const bytes = Number(length);
  const hex = BigInt(digits).toString(16);
  if (bytes < 1 || bytes > 128 || hex.length > bytes * 2) return undefined;
  return { value: Buffer.from(hex.padStart(bytes * 2, '0'), 'hex'), bytes };
}

function encodeMki(mki: MasterKeyIdentifier): string {
  assert(mki.bytes >= 1 && mki.bytes <= 128 && mki.value.length === mki.bytes, 'an MKI is 1 to 128 octets');
  return `${BigInt(`0x${mki.value.toString('hex')}`).toString()}:${mki.bytes}`;
}
