/** What of drachtio-fsmrf 4.1 is used here; it brings no types of its own. */
declare module 'drachtio-fsmrf' {
  import type { EventEmitter } from 'node:events';
  import type { Server } from 'node:net';
  import type Srf from 'drachtio-srf';

  namespace Mrf {
    /** An answer or an event of the event socket. */
    interface SocketEvent {
      getBody(): string;
    }

    interface ForkOptions {
      readonly wsUrl: string;
      readonly mixType: 'mono' | 'mixed' | 'stereo';
      readonly sampling: string;
      readonly bugname: string;
      /** In quotes of its own within a list that "|" parts. */
      readonly metadata: string;
      readonly bidirectionalAudio: { readonly enabled: string; readonly streaming: string; readonly sampleRate: string };
    }

    interface Endpoint extends EventEmitter {
      readonly uuid: string;
      readonly dialog: Srf.Dialog;
      api(command: string, args: readonly string[]): Promise<SocketEvent>;
      bridge(other: Endpoint): Promise<void>;
      forkAudioStart(options: ForkOptions): Promise<void>;
      forkAudioStop(bugname: string): Promise<void>;
    }

    interface MediaServer extends EventEmitter {
      /** Its connection, which makes itself anew without being asked to. */
      readonly conn: { readonly reconnectVars: { retryTimer: NodeJS.Timeout | null } };
      /** Endpoints that are being made, by an ID that it gives them; fields as it sets them. */
      readonly pendingConnections: Map<string, object>;
      /** What FreeSWITCH connects back to. */
      readonly _server: { readonly server: Server };
      api(command: string): Promise<string>;
      createEndpoint(options: { readonly remoteSdp?: string }): Promise<Endpoint>;
      disconnect(): void;
    }

    interface ConnectOptions {
      readonly address: string;
      readonly port: number;
      readonly secret: string;
      readonly profile: string;
      readonly listenAddress: string;
      readonly listenPort: number;
      readonly advertisedAddress: string;
    }
  }

  class Mrf extends EventEmitter {
    constructor(srf: Srf, options: { readonly customEvents: readonly string[] });
    /** Called back with each failure, and goes on trying. */
    connect(options: Mrf.ConnectOptions, callback: (error: Error | null, server?: Mrf.MediaServer) => void): void;
  }
  export default Mrf;
}
