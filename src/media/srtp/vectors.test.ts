import { createCipheriv } from 'node:crypto';
import t from 'tap';
import { AesGcm } from './aes-gcm.js';
import { counterModePrefix, Keystream } from './keystream.js';
import { layoutOf } from './layout.js';
import { SrtpReceiver } from './receiver.js';
import { deriveKey } from './session-keys.js';
import { suites } from './suites.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

function keystreamOf(keystream: Keystream, bytes: number, ssrc = 0, indexHigh = 0, indexLow = 0): Buffer {
  keystream.find(bytes, ssrc, indexHigh, indexLow);
  return Buffer.from(keystream.octets.subarray(keystream.from, keystream.from + bytes));
}

const counterMode = (key: Buffer, salt: Buffer): Keystream => new Keystream(key, counterModePrefix(salt), 0);

t.test('RFC 3711 B.2: AES-CM keystream', (t) => {
  const counter = counterMode(hex('2B7E151628AED2A6ABF7158809CF4F3C'), hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD'));
  t.strictSame(
    keystreamOf(counter, 48),
    hex(`E03EAD0935C95E80E166B16DD92B4EB4
         D23513162B02D0F72A43A2FE4A5F97AB
         41E95B3BB0A2E8DD477901E4FCA894C0`),
  );
  t.end();
});

t.test('RFC 6188 §7.1: AES-256-CM keystream', (t) => {
  const key = hex('57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98');
  const counter = counterMode(key, hex('f0f1f2f3f4f5f6f7f8f9fafbfcfd'));
  t.strictSame(
    keystreamOf(counter, 48),
    hex(`92bdd28a93c3f52511c677d08b5515a4
         9da71b2378a854f67050756ded165bac
         63c4868b7096d88421b563b8c94c9a31`),
  );
  t.end();
});

t.test('RFC 6188 §7.3: AES-192-CM keystream', (t) => {
  const counter = counterMode(hex('eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7'), hex('f0f1f2f3f4f5f6f7f8f9fafbfcfd'));
  t.strictSame(
    keystreamOf(counter, 48),
    hex(`35096cba4610028dc1b57503804ce37c
         5de986291dcce161d5165ec4568f5c9a
         474a40c77894bc17180202272a4c264d`),
  );
  t.end();
});

t.test('RFC 3711 B.3: key derivation', (t) => {
  const masterKey = hex('E1F97A0D3E018BE0D64FA32C06DE4139');
  const masterSalt = hex('0EC675AD498AFEEBB6960B3AABE6');
  t.strictSame(deriveKey(masterKey, masterSalt, 0, 16), hex('C61E7A93744F39EE10734AFE3FF7A087'), 'cipher key');
  t.strictSame(deriveKey(masterKey, masterSalt, 2, 14), hex('30CBBC08863D8C85D49DB34A9AE1'), 'cipher salt');
  t.strictSame(
    deriveKey(masterKey, masterSalt, 1, 94),
    hex(`CEBE321F6FF7716B6FD4AB49AF256A15
         6D38BAA48F0A0ACF3C34E2359E6CDBCE
         E049646C43D9327AD175578EF7227098
         6371C10C9A369AC2F94A8C5FBCDDDC25
         6D6E919A48B610EF17C2041E47403576
         6B68642C59BBFC2F34DB60DBDFB2`),
    'auth key',
  );
  t.end();
});

t.test('RFC 3711 §4.3.1: keys of a later stretch are keystream at the salt XOR label and stretch, by the formula', (t) => {
  const [masterKey, masterSalt] = [hex('E1F97A0D3E018BE0D64FA32C06DE4139'), hex('0EC675AD498AFEEBB6960B3AABE6')];
  for (const stretch of [0, 1, 255, 65_536, 2 ** 40 + 5]) {
    for (const label of [0, 1, 2, 5]) {
      const x = BigInt(`0x${masterSalt.toString('hex')}`) ^ ((BigInt(label) << 48n) | BigInt(stretch));
      const iv = Buffer.from((x << 16n).toString(16).padStart(32, '0'), 'hex');
      t.strictSame(deriveKey(masterKey, masterSalt, label, 30, stretch), createCipheriv('aes-128-ctr', masterKey, iv).update(Buffer.alloc(30)));
    }
  }
  t.end();
});

t.test('RFC 6188 §7.4: key derivation with AES-192', (t) => {
  const masterKey = hex('73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1');
  const masterSalt = hex('c8522f3acd4ce86d5add78edbb11');
  t.strictSame(deriveKey(masterKey, masterSalt, 0, 24), hex('31874736a8f1143870c26e4857d8a5b2c4a354407faadabb'), 'cipher key');
  t.strictSame(deriveKey(masterKey, masterSalt, 2, 14), hex('2372b82d639b6d8503a47adc0a6c'), 'cipher salt');
  t.strictSame(deriveKey(masterKey, masterSalt, 1, 20), hex('355b10973cd95b9eacf4061c7e1a7151e7cfbfcb'), 'auth key');
  t.end();
});

t.test('RFC 6188 §7.2: key derivation with AES-256', (t) => {
  const masterKey = hex('f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6');
  const masterSalt = hex('3b04803de51ee7c96423ab5b78d2');
  t.strictSame(
    deriveKey(masterKey, masterSalt, 0, 32),
    hex('5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4'),
    'cipher key',
  );
  t.strictSame(deriveKey(masterKey, masterSalt, 2, 14), hex('fa31791685ca444a9e07c6c64e93'), 'cipher salt');
  t.strictSame(deriveKey(masterKey, masterSalt, 1, 20), hex('fd9c32d39ed5fbb5a9dc96b30818454d1313dc05'), 'auth key');
  t.end();
});

t.test("libsrtp's reference packets (srtp_validate in its test driver)", (t) => {
  const keySalt = hex('e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6');
  const receiver = new SrtpReceiver({ suite: 'AES_CM_128_HMAC_SHA1_80', keySalt });
  t.strictSame(
    receiver.unprotectRtp(hex('800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb')),
    hex(`800f1234decafbadcafebabe ${'ab'.repeat(16)}`),
  );
  t.strictSame(
    receiver.unprotectRtcp(
      hex('81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798'),
    ),
    hex(`81c8000bcafebabe ${'ab'.repeat(16)}`),
  );
  t.end();
});

// RFC 7714 §16 and §17 give session keys, not master keys, and salts in the place of derived ones.
const gcm = [
  {
    suite: 'AEAD_AES_128_GCM',
    key: '000102030405060708090a0b0c0d0e0f',
    rtp: `8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
          0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`,
    rtcp: `81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1
           730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`,
    rtcpClear: '841dd968 3dd78ec9 2ae58790 125f62b3 000005d4',
  },
  {
    suite: 'AEAD_AES_256_GCM',
    key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    rtp: `8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238
          9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13`,
    rtcp: `81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1
           110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4`,
    rtcpClear: '91db4afb feee5a97 8fab4393 ed2615fe 000005d4',
  },
] as const;
const rtpClear = hex(`8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f
  6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573`);
const rtcpClear = hex(`81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
  deadbeef deadbeef deadbeef deadbeef deadbeef`);

for (const vector of gcm) {
  const keys = { key: hex(vector.key), salt: hex('517569642070726f2071756f'), authenticationKey: Buffer.alloc(0) };
  const transform = new AesGcm({ rtp: keys, rtcp: keys }, layoutOf(suites[vector.suite], 0));

  t.test(`RFC 7714 §16: SRTP with ${vector.suite}`, (t) => {
    const out = Buffer.alloc(rtpClear.length + 16);
    transform.sealRtp(rtpClear, 12, 0, out);
    t.strictSame(out, hex(vector.rtp));
    t.strictSame(transform.openRtp(out, 12, 0), rtpClear);
    t.end();
  });

  t.test(`RFC 7714 §17: SRTCP with ${vector.suite}, encrypted and only authenticated`, (t) => {
    for (const [word, expected] of [
      [0x800005d4, hex(vector.rtcp)],
      [0x000005d4, Buffer.concat([rtcpClear, hex(vector.rtcpClear)])],
    ] as const) {
      const out = Buffer.alloc(rtcpClear.length + 20);
      transform.sealRtcp(rtcpClear, word, out);
      t.strictSame(out, expected);
      t.strictSame(transform.openRtcp(out, word), rtcpClear);
    }
    t.end();
  });
}
