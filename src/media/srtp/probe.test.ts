import Module, { createRequire } from 'node:module';
import t from 'tap';
import { openSsl } from './openssl.js';

type Load = (name: string, ...rest: unknown[]) => unknown;
type CFunction = (...args: readonly number[]) => number;
interface Koffi {
  load(path: null): { func(definition: string): CFunction };
}

const skip = openSsl() === undefined && process.env['TWINTRACK_REQUIRE_PEERS'] !== '1' ? 'koffi is not installed, or this is no 64-bit Linux' : false;
const load = Reflect.get(Module, '_load') as Load;
let tries = 0;

/** What a thread finds that has just begun, where `spoil` gives what stands in place of a symbol; undefined: it is missing. */
async function foundWith(spoil: (symbol: string, right: () => CFunction) => CFunction | undefined) {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  Reflect.set(Module, '_load', (name: string, ...rest: unknown[]) => {
    if (name !== 'koffi') return load(name, ...rest);
    const library = koffi.load(null);
    const func = (definition: string): CFunction => {
      const symbol = /(\w+)\(/u.exec(definition)?.[1] ?? '';
      const found = spoil(symbol, () => library.func(definition));
      if (found === undefined) throw new Error(`there is no ${symbol}`);
      return found;
    };
    return { ...koffi, load: () => ({ func }) };
  });
  try {
    tries += 1;
    const fresh = (await import(`./openssl.js?${tries}`)) as typeof import('./openssl.js');
    return { ssl: fresh.openSsl(), by: fresh.srtpBy() };
  } finally {
    Reflect.set(Module, '_load', load);
  }
}

t.test('with all symbols it is found', { skip }, async (t) => {
  const seen = new Set<string>();
  const { ssl, by } = await foundWith((symbol, right) => {
    seen.add(symbol);
    return right();
  });
  t.not(ssl, undefined);
  t.equal(by, 'OpenSSL');
  for (const missing of seen) {
    if (missing === 'sha1_block_data_order' || missing === 'SHA1_Transform') continue;
    t.strictSame(await foundWith((symbol, right) => (symbol === missing ? undefined : right())), { ssl: undefined, by: 'JavaScript' }, `without ${missing} it is not`);
  }
});

t.test('SHA-1 is called block by block where all in one call cannot be had', { skip }, async (t) => {
  const blockByBlock = await foundWith((symbol, right) => (symbol === 'sha1_block_data_order' ? undefined : right()));
  t.equal(blockByBlock.by, 'OpenSSL');
  const neither = await foundWith((symbol, right) => (['sha1_block_data_order', 'SHA1_Transform'].includes(symbol) ? undefined : right()));
  t.equal(neither.by, 'JavaScript');
});

for (const [symbol, gives, what] of [
  ['mmap', -1, 'there is no memory'],
  ['mmap', 0, 'there is no memory'],
  ['sha1_block_data_order', 0, 'a digest differs'],
  ['EVP_CIPHER_CTX_new', 0, 'there are no contexts'],
  ['EVP_EncryptInit_ex', 0, 'a key is refused'],
  ['EVP_CIPHER_CTX_set_padding', 0, 'padding is refused'],
  ['EVP_EncryptUpdate', 0, 'AES fails'],
  ['EVP_EncryptUpdate', 1, 'a cipher differs'],
  ['AES_set_encrypt_key', -1, 'a key is refused'],
  ['CRYPTO_gcm128_aad', 0, 'a hash differs'],
  ['CRYPTO_gcm128_aad', -2, 'hashing fails'],
  ['dlsym', 0, 'there is no AES_encrypt'],
] as const) {
  t.test(`JavaScript serves where ${what}: ${symbol} gives ${gives}`, { skip }, async (t) => {
    t.equal((await foundWith((wanted, right) => (wanted === symbol ? () => gives : right()))).by, 'JavaScript');
  });
}
