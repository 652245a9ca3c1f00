import { hostname } from 'node:os';
import { z } from 'zod';
import { sipSettings, sourceList } from '../sip/index.js';
import { mediaSettings } from '../udp/index.js';

/** The recorder's part of the configuration. */
export const recorderSchema = z.strictObject({
  name: z.string().min(1).max(64).default(hostname()).describe('what ledger and reports call this recorder; default: the host name'),
  sip: sipSettings.describe("the recorder's SIP edge, where recording sessions arrive"),
  sources: sourceList.describe('addresses and networks that may open recording sessions'),
  media: mediaSettings.describe('where recorded media arrives'),
  flushMs: z.int().min(10).max(200).default(100).describe('how often captures are written out'),
  syncMs: z.int().min(100).max(10_000).default(1_000).describe('how often captures are synced to the disk'),
});

export type RecorderSettings = z.infer<typeof recorderSchema>;
