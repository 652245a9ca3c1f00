/** What the parts of the agent share: the layers below, and the registers of what is under way. */
import type { Application, Meta } from '../app/application.js';
import type { Routes } from '../app/routes.js';
import type { CallFacts } from './call-facts.js';
import type { DialogStore } from '../dialog/dialog-store.js';
import type { Dialog } from '../dialog/dialog.js';
import type { Ids } from '../ids.js';
import type { Environment } from '../transaction/transaction.js';
import type { TransactionLayer } from '../transaction/transaction-layer.js';
import type { Path } from '../transport/path.js';
import type { TransportHub } from '../transport/transport-hub.js';

export type AppDialog = Dialog<Application>;

export interface AgentContext {
  readonly environment: Environment;
  readonly ids: Ids;
  readonly hub: TransportHub;
  readonly layer: TransactionLayer;
  readonly dialogs: DialogStore<Application>;
  readonly routes: Routes;
  /** Whether peers that are not where their Contact says are taken to be behind a NAT. */
  readonly natDetection: boolean;
  readonly tellTlsIdentity: boolean;
  readonly facts: CallFacts;
}

/** Where a message went to or came from, for an application. */
export const metaOf = (
  source: Meta['source'], path: Path, transactionId: string, dialogId: string,
): Meta => ({ source, protocol: path.protocol, address: path.address, port: path.port, transactionId, dialogId });

/** The same for a request that was sent: drachtio names the local place there. */
export const sentMetaOf = (path: Path, transactionId: string, dialogId: string): Meta => ({
  source: 'application',
  protocol: path.protocol,
  address: path.local.address,
  port: path.local.port,
  transactionId,
  dialogId,
});
