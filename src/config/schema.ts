/**
 * The configuration: one file describes a site, the roles that run are chosen at the start.
 *
 * Owns       the whole, and the keys that belong to no single folder.
 * Leaves to  each folder its own slice.
 */
import { hostname } from 'node:os';
import { z } from 'zod';
import { ledgerSchema } from '../ledger/index.js';
import { logLevels } from '../ops/index.js';
import { checkProxy, proxySettings } from '../proxy/index.js';
import { recorderSchema } from '../recorder/index.js';

export const configSchema = z.strictObject({
  node: z.string().min(1).max(64).default(hostname()).describe('the name of this machine in the ledger; default: the host name'),
  dataDir: z.string().min(1).default('data').describe('where captures, vault, keys and ledger rest; relative to the working directory'),
  ledger: ledgerSchema,
  log: z
    .strictObject({ level: z.enum(logLevels).default('info').describe('least severity that is logged') })
    .prefault({}),
  http: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1').describe('address of health, metrics and the API'),
      port: z.int().min(0).max(65_535).default(8060),
    })
    .prefault({}),
  drain: z
    .strictObject({
      seconds: z.int().min(0).max(86_400).default(20).describe('how long running calls may go on after the signal to stop, which ends new ones; a second signal ends them at once'),
    })
    .prefault({}),
  ...proxySettings,
  recorder: recorderSchema,
}).superRefine(checkProxy);

export type Config = z.infer<typeof configSchema>;

/** The JSON Schema of the file, for editors: config/schema.json is this, held to it by a test. */
export const configJsonSchema = (): object =>
  z.toJSONSchema(configSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // The host name is of the machine that made the schema.
      if (jsonSchema.default === hostname()) delete jsonSchema.default;
    },
  });
