import { z } from 'zod';

const postgresSettings = z.strictObject({
  host: z.string().min(1).max(255).describe('host name or address of the server, or the folder of its Unix socket'),
  port: z.int().min(1).max(65_535).default(5432).describe('its port'),
  database: z.string().min(1).max(63).describe('a database in UTF-8, in which the user may make tables'),
  user: z.string().min(1).max(63).describe('the user of the database'),
  passwordFile: z.string().min(1).optional().describe('a file that holds the password on one line, read for each connection; left out: the server asks for none'),
  tls: z
    .strictObject({ caFile: z.string().min(1).optional().describe('PEM file with the authorities to trust; left out: the public ones') })
    .optional()
    .describe('left out: the connection is not encrypted'),
  connections: z.int().min(1).max(100).default(4).describe('at most, of each process'),
});

export type PostgresSettings = z.infer<typeof postgresSettings>;

/** The ledger's part of the configuration. */
export const ledgerSchema = z
  .strictObject({
    postgres: postgresSettings.optional().describe('a PostgreSQL server that several processes share; left out: PGlite in dataDir, for one process'),
  })
  .prefault({});
