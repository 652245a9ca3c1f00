/** The configuration of a site. */
export { defaultConfigFile } from './default-file.js';
export { loadConfig, parseConfig } from './load.js';
export { configJsonSchema, type Config } from './schema.js';
