/** All that is asked of SRTP, by JavaScript and WebAssembly alone. */
import t from 'tap';
import { openSsl, useOpenSsl } from './openssl.js';

useOpenSsl(false);
t.equal(openSsl(), undefined);
await import('./srtp.test.js');
await import('./vectors.test.js');
await import('./keystream.test.js');
