import { z } from 'zod';
import { accelerators } from './accelerator.js';

const place = {
  address: z.union([z.ipv4(), z.ipv6()], 'write an IPv4 or IPv6 address of this machine').default('127.0.0.1').describe('local address of the media sockets; also what the SDP names, unless publicAddress does'),
  publicAddress: z
    .union([z.ipv4(), z.ipv6()], 'write an IPv4 or IPv6 address')
    .optional()
    .describe('what the SDP names in place of it: the address outside of a NAT that passes these ports on, number for number'),
  ports: z
    .tuple([z.int().min(1024).max(65_535), z.int().min(1024).max(65_535)])
    .refine(([first, last]) => last - first >= 3, 'the range must hold at least two pairs of ports')
    .describe('first and last port of the range, even numbers carry RTP'),
};

/** One local address and an inclusive range of ports; and what others know it by. */
export const mediaPlace = z.strictObject(place);
export type MediaPlace = z.infer<typeof mediaPlace>;

/** Where media sockets are opened, and how their packets travel. */
export const mediaSettings = z.strictObject({
  ...place,
  accelerator: z
    .enum(accelerators)
    .default('auto')
    .describe("auto: packets by the system's own calls where the optional package koffi is installed and this is 64-bit Linux, and SRTP by the OpenSSL of the process; off: by Node's, and by JavaScript"),
});

/** What the SDP names. */
export const announcedAddress = ({ address, publicAddress }: Pick<MediaPlace, 'address' | 'publicAddress'>): string => publicAddress ?? address;

export type MediaSettings = z.infer<typeof mediaSettings>;
