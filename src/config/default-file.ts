import { fileURLToPath } from 'node:url';

/** The configuration that is used when none is named: everything on this machine's loopback. */
export const defaultConfigFile = fileURLToPath(new URL('../../../config/default.yaml', import.meta.url));
