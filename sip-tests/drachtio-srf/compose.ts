/**
 * What the suite's docker-compose file would start: drachtio-servers and SIPp peers at fixed addresses.
 *
 * Owns       the reading of that file, as far as it is used here.
 * Leaves to  peers.ts the starting.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

export type Service =
  | { readonly kind: 'sipp'; readonly name: string; readonly address: string; readonly scenario: string }
  | { readonly kind: 'drachtio'; readonly name: string; readonly address: string; readonly adminPort: number };

const composeFile = z.object({
  services: z.record(z.string(), z.object({
    image: z.string(),
    command: z.string(),
    container_name: z.string(),
    ports: z.array(z.string()).default([]),
    networks: z.object({ testbed: z.object({ ipv4_address: z.string() }) }),
  })),
});

/** The services of the file; throws when it is not as this suite's was. */
export function readServices(file: string): Service[] {
  const { services } = composeFile.parse(parse(readFileSync(file, 'utf8')));
  return Object.values(services).map(({ image, command, container_name: name, ports, networks }) => {
    const address = networks.testbed.ipv4_address;
    if (image.startsWith('drachtio/drachtio-server')) {
      const adminPort = Number(/^(\d+):9022/u.exec(ports[0] ?? '')?.[1]);
      if (Number.isNaN(adminPort)) throw new Error(`${name} publishes no admin port`);
      return { kind: 'drachtio', name, address, adminPort };
    }
    const scenario = /^sipp -sf \/tmp\/(\S+)$/u.exec(command)?.[1];
    if (scenario === undefined) throw new Error(`${name} is started in an unknown way: ${command}`);
    return { kind: 'sipp', name, address, scenario };
  });
}
