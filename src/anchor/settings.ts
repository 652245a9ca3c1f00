import { z } from 'zod';
import { mediaSettings } from '../udp/index.js';

/** The media anchor: which member, and its own settings. */
export const anchorSettings = z.strictObject({
  relay: mediaSettings.describe('the built-in relay'),
});

export type AnchorSettings = z.infer<typeof anchorSettings>;
