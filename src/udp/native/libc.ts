/**
 * The few calls of the C library that native datagrams need, through koffi: the only file in which a wrong number is a
 * crash and not an exception.
 *
 * Pointers are plain numbers. They come from `alloc` and `map` alone, whose memory is mapped once and never given back, so
 * that none of them can dangle; `at` checks every offset into it.
 *
 * Layouts are those of 64-bit little-endian Linux (struct mmsghdr, msghdr, iovec, sockaddr_in, sockaddr_in6,
 * epoll_event), the same with glibc and musl.
 */
import { createRequire } from 'node:module';
import { constants, endianness } from 'node:os';

type CFunction = (...args: readonly number[]) => number;

export interface Libc {
  readonly socket: CFunction;
  readonly bind: CFunction;
  readonly connect: CFunction;
  readonly setsockopt: CFunction;
  readonly getsockname: CFunction;
  readonly close: CFunction;
  readonly recvmmsg: CFunction;
  readonly sendto: CFunction;
  readonly epollCreate: CFunction;
  readonly epollControl: CFunction;
  readonly epollWait: CFunction;
  readonly syscall: CFunction;
  /** For the memory of a thread that has ended. */
  readonly munmap: CFunction;
  /** Zeroed memory that JavaScript and the kernel both see. */
  alloc(bytes: number): Memory;
  /** What the kernel shares of a file descriptor, from `offset` on. */
  map(fd: number, bytes: number, offset: number): Memory;
  /** Of the call that has just failed, as `EADDRINUSE`. */
  errorName(): string;
}

/** A page-aligned piece of memory; it is never given back. */
export interface Memory {
  readonly buffer: ArrayBuffer;
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly words: Uint32Array;
  /** The address of the byte at `offset`. @throws RangeError when `size` bytes from there are not all in it. */
  at(offset: number, size: number): number;
}

interface Koffi {
  load(path: null): { func(definition: string): CFunction };
  view(address: bigint, bytes: number): ArrayBuffer;
  errno(): number;
}

/** For recvmmsg and sendto: fail rather than wait. */
export const msgDontwait = 0x40;

const pageBytes = 4_096;
const [protReadWrite, mapShared, mapPrivateAnonymous] = [0x3, 0x1, 0x22];

const errorNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** Undefined where koffi is not installed, or this is no system whose layouts we know. */
export function loadLibc(): Libc | undefined {
  if (process.platform !== 'linux' || endianness() !== 'LE' || !['x64', 'arm64'].includes(process.arch)) return undefined;
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch {
    return undefined;
  }
  const library = koffi.load(null);
  const mmap = library.func('uintptr_t mmap(uintptr_t address, size_t bytes, int protection, int flags, int fd, int64_t offset)');
  const mapped = (wanted: number, flags: number, fd: number, offset: number): Memory => {
    const size = Math.ceil(wanted / pageBytes) * pageBytes;
    const base = mmap(0, size, protReadWrite, flags, fd, offset);
    if (!Number.isSafeInteger(base) || base < pageBytes || base % pageBytes !== 0) throw new Error(`no memory for ${size} bytes`);
    const buffer = koffi.view(BigInt(base), size);
    return {
      buffer,
      bytes: Buffer.from(buffer),
      view: new DataView(buffer),
      words: new Uint32Array(buffer),
      at(from, count) {
        if (!(from >= 0 && count >= 0 && from + count <= size)) throw new RangeError(`${count} bytes at ${from} are not within ${size}`);
        return base + from;
      },
    };
  };
  return {
    socket: library.func('int socket(int domain, int type, int protocol)'),
    bind: library.func('int bind(int fd, uintptr_t address, uint32_t bytes)'),
    connect: library.func('int connect(int fd, uintptr_t address, uint32_t bytes)'),
    setsockopt: library.func('int setsockopt(int fd, int level, int option, uintptr_t value, uint32_t bytes)'),
    getsockname: library.func('int getsockname(int fd, uintptr_t address, uintptr_t bytes)'),
    close: library.func('int close(int fd)'),
    recvmmsg: library.func('int recvmmsg(int fd, uintptr_t messages, uint32_t count, int flags, uintptr_t timeout)'),
    sendto: library.func('int64_t sendto(int fd, uintptr_t bytes, size_t count, int flags, uintptr_t address, uint32_t addressBytes)'),
    epollCreate: library.func('int epoll_create1(int flags)'),
    epollControl: library.func('int epoll_ctl(int epoll, int operation, int fd, uintptr_t event)'),
    epollWait: library.func('int epoll_wait(int epoll, uintptr_t events, int count, int timeoutMs)'),
    syscall: library.func('int64_t syscall(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f)'),
    munmap: library.func('int munmap(uintptr_t address, size_t bytes)'),
    alloc: (bytes) => mapped(bytes, mapPrivateAnonymous, -1, 0),
    map: (fd, bytes, offset) => mapped(bytes, mapShared, fd, offset),
    errorName: () => errorNames.get(koffi.errno()) ?? `errno ${koffi.errno()}`,
  };
}
