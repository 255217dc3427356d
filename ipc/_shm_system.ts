/**
 * The few functions of the C library that shared memory takes, on Linux and macOS. Every one answers
 * `-errno` when it fails, as the kernel itself does.
 *
 * The library is opened only to look the functions up, and closed again: what is kept are their addresses,
 * which hold good as long as the process lives. A library that were kept open would be a resource of
 * whichever test first used shared memory; one that were opened each time costs a millisecond, since the
 * runtime compiles a piece of code for every function.
 */

const IS_MACOS = Deno.build.os === "darwin";

const O_RDWR = 0o2;
const O_CREAT_EXCL = IS_MACOS ? 0x200 | 0x800 : 0o100 | 0o200;
const OWNER_ONLY = 0o600;
const SEEK_END = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
/** Private memory of no file, at this very address, for which no swap is set aside. */
const MAP_COVER = 0x02 | 0x10 | (IS_MACOS ? 0x1000 | 0x40 : 0x20 | 0x4000);
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const LOCK_NB = 4;

/** Where `st_size` is in `struct stat` of macOS, and how large that is. */
const [STAT_SIZE_AT, STAT_BYTES] = [96, 144];

/** What the system calls the errors that are told by name. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  ENOMEM: 12,
  EACCES: 13,
  EEXIST: 17,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EFBIG: 27,
  ENOSPC: 28,
  EOPNOTSUPP: IS_MACOS ? 102 : 95,
  ENAMETOOLONG: IS_MACOS ? 63 : 36,
} as const;

/**
 * The mode of `shm_open` is a variable argument on macOS, and there these are passed on the stack on ARM:
 * arguments that fill the registers bring it there.
 */
const FILLED_REGISTERS = IS_MACOS && Deno.build.arch === "aarch64" ? 6 : 0;

const SHM_OPEN = {
  parameters: ["buffer", "i32", ...Array<"u64">(FILLED_REGISTERS).fill("u64"), "u64"],
  result: "i32",
} as const satisfies Deno.ForeignFunction;
const SHM_UNLINK = { parameters: ["buffer"], result: "i32" } as const;
const FTRUNCATE = { parameters: ["i32", "i64"], result: "i32" } as const;
const FALLOCATE = { parameters: ["i32", "i64", "i64"], result: "i32" } as const;
const LSEEK = { parameters: ["i32", "i64", "i32"], result: "i64" } as const;
const FSTAT = { parameters: ["i32", "buffer"], result: "i32" } as const;
const MMAP = {
  parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
  result: "pointer",
} as const;
const MUNMAP = { parameters: ["pointer", "usize"], result: "i32" } as const;
const CLOSE = { parameters: ["i32"], result: "i32" } as const;
const FLOCK = { parameters: ["i32", "i32"], result: "i32" } as const;
const KILL = { parameters: ["i32", "i32"], result: "i32" } as const;
const READLINK = { parameters: ["buffer", "buffer", "usize"], result: "isize" } as const;
const OPENDIR = { parameters: ["buffer"], result: "pointer" } as const;
const READDIR = { parameters: ["pointer"], result: "pointer" } as const;
const CLOSEDIR = { parameters: ["pointer"], result: "i32" } as const;
const ERRNO = { parameters: [], result: "pointer" } as const;
const DLSYM = { parameters: ["pointer", "buffer"], result: "pointer" } as const;
const DLOPEN = { parameters: ["buffer", "i32"], result: "pointer" } as const;

/** `RTLD_DEFAULT`: looks in all libraries that the program has. */
function everywhere(): Deno.PointerValue {
  return IS_MACOS ? Deno.UnsafePointer.create(0xffff_ffff_ffff_fffen) : null;
}

/** How a lock on an open segment is taken: with others, or alone. */
export const Flock = { SHARED: 1, ALONE: 2 } as const;

/** Where `d_name` is in `struct dirent` of Linux on 64 bits. */
const DIRENT_NAME_AT = 19;

/** The functions; each answers `-errno` when it fails, unless it says otherwise. */
export interface System {
  /** Opens a segment, or creates one that must not exist yet. */
  open(path: string, options?: { readonly create: boolean }): number;
  /** Removes a name. */
  unlink(path: string): number;
  /** Gives a new segment its size, and its memory where the system can set memory aside. */
  reserve(fd: number, size: number): number;
  /** How large a segment is. */
  sizeOf(fd: number): number;
  /** Maps a segment; a number is `-errno`. */
  map(fd: number, size: number): Deno.PointerObject | number;
  /** Puts empty memory in the place of what was mapped there. */
  cover(address: Deno.PointerObject, size: number): boolean;
  /** Gives the addresses back. */
  unmap(address: Deno.PointerObject, size: number): void;
  /** Closes a file descriptor. */
  close(fd: number): void;
  /** What only Linux has; `undefined` elsewhere. */
  readonly linux: LinuxSystem | undefined;
}

/** What takes a listing of all segments, and knowledge of who is alive. */
export interface LinuxSystem {
  /** Locks a segment, or says that it cannot without waiting. */
  tryLock(fd: number, how: number): boolean;
  /** Whether a process of this namespace is alive, or left an entry. */
  isAlive(pid: number): boolean;
  /** Where a symbolic link points to. */
  readLink(path: string): string | undefined;
  /** The names in a folder. */
  list(folder: string): string[];
}

let loaded: System | undefined;

/**
 * The functions of this system.
 *
 * @throws {Deno.errors.NotSupported} On Windows.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 */
export function system(): System {
  return loaded ??= load();
}

function load(): System {
  const find = openLibrary();
  const shmOpen = find("shm_open", SHM_OPEN);
  const shmUnlink = find("shm_unlink", SHM_UNLINK);
  const ftruncate = find("ftruncate", FTRUNCATE);
  const mmap = find("mmap", MMAP);
  const munmap = find("munmap", MUNMAP);
  const close = find("close", CLOSE);
  const sizeOf = IS_MACOS ? sizeByStat(find) : sizeBySeek(find);
  // The number is at one address for the whole life of this thread: reading it there takes no call, which
  // could change it.
  const errno = new Int32Array(
    Deno.UnsafePointerView.getArrayBuffer(
      find(IS_MACOS ? "__error" : "__errno_location", ERRNO).call()!,
      4,
    ),
  );
  const orErrno = (result: number): number => result === -1 ? -errno[0]! : result;
  const linux = IS_MACOS ? undefined : loadLinux(find, errno);
  // The type of the parameters does not tell how many fill the registers.
  const open = shmOpen.call.bind(shmOpen) as (...args: unknown[]) => number;
  const filling = Array<bigint>(FILLED_REGISTERS).fill(0n);
  return {
    open(path, { create } = { create: false }) {
      const flags = O_RDWR | (create ? O_CREAT_EXCL : 0);
      return orErrno(open(cString(path), flags, ...filling, BigInt(OWNER_ONLY)));
    },
    unlink: (path) => orErrno(shmUnlink.call(cString(path))),
    reserve(fd, size) {
      // Of a segment that only has a size, each page is found when it is first touched; a system
      // that has none left then kills the process.
      const answer = linux?.allocate(fd, size) ?? -Errno.EOPNOTSUPP;
      if (answer !== -Errno.EOPNOTSUPP) return answer;
      return orErrno(ftruncate.call(fd, BigInt(size)));
    },
    sizeOf: (fd) => orErrno(sizeOf(fd)),
    map(fd, size) {
      const address = mmap.call(null, BigInt(size), PROT_READ_WRITE, MAP_SHARED, fd, 0n);
      if (address === null || Deno.UnsafePointer.value(address) === MAP_FAILED) {
        return -errno[0]!;
      }
      return address;
    },
    cover(address, size) {
      const answer = mmap.call(address, BigInt(size), PROT_READ_WRITE, MAP_COVER, -1, 0n);
      return Deno.UnsafePointer.value(answer) === Deno.UnsafePointer.value(address);
    },
    unmap: (address, size) => void munmap.call(address, BigInt(size)),
    close: (fd) => void close.call(fd),
    linux,
  };
}

/** Finds a function of the C library. */
type Find = <F extends Deno.ForeignFunction>(
  name: string,
  definition: F,
) => Deno.UnsafeFnPointer<F>;

function loadLinux(
  find: Find,
  errno: Int32Array,
): LinuxSystem & { allocate(fd: number, size: number): number } {
  const fallocate = find("posix_fallocate", FALLOCATE);
  const flock = find("flock", FLOCK);
  const kill = find("kill", KILL);
  const readlink = find("readlink", READLINK);
  const opendir = find("opendir", OPENDIR);
  const readdir = find("readdir", READDIR);
  const closedir = find("closedir", CLOSEDIR);
  return {
    allocate(fd, size) {
      // It answers the number itself. A signal may interrupt it.
      for (;;) {
        const answer = fallocate.call(fd, 0n, BigInt(size));
        if (answer !== Errno.EINTR) return -answer;
      }
    },
    tryLock: (fd, how) => flock.call(fd, how | LOCK_NB) === 0,
    // Signal 0 only asks. A process of somebody else refuses even that.
    isAlive: (pid) => kill.call(pid, 0) === 0 || errno[0] !== Errno.ESRCH,
    readLink(path) {
      const target = new Uint8Array(256);
      const length = Number(readlink.call(cString(path), target, BigInt(target.length)));
      return length < 0 ? undefined : new TextDecoder().decode(target.subarray(0, length));
    },
    list(folder) {
      const names: string[] = [];
      const opened = opendir.call(cString(folder));
      if (opened === null) return names;
      for (let entry; (entry = readdir.call(opened)) !== null;) {
        names.push(Deno.UnsafePointerView.getCString(entry, DIRENT_NAME_AT));
      }
      closedir.call(opened);
      return names;
    },
  };
}

function sizeBySeek(find: Find): (fd: number) => number {
  const lseek = find("lseek", LSEEK);
  return (fd) => Number(lseek.call(fd, 0n, SEEK_END));
}

/** A segment of macOS cannot be sought in. */
function sizeByStat(find: Find): (fd: number) => number {
  const fstat = find(Deno.build.arch === "x86_64" ? "fstat$INODE64" : "fstat", FSTAT);
  return (fd) => {
    const stat = new Uint8Array(STAT_BYTES);
    if (fstat.call(fd, stat) === -1) return -1;
    return Number(new DataView(stat.buffer).getBigInt64(STAT_SIZE_AT, true));
  };
}

/**
 * The libraries that have `dlsym`. The loader of musl takes the names of glibc for itself; in glibc before
 * 2.34 it is in a library of its own, and so is `shm_open`.
 */
const LIBRARIES = IS_MACOS ? ["/usr/lib/libSystem.B.dylib"] : ["libc.so.6", "libdl.so.2"];
const REALTIME_LIBRARY = "librt.so.1";
const RTLD_NOW = 2;

function openLibrary(): Find {
  if (Deno.build.os !== "linux" && !IS_MACOS) {
    throw new Deno.errors.NotSupported(
      `Cannot use shared memory on "${Deno.build.os}": there is some on Linux and macOS only`,
    );
  }
  const dlsym = functionAt(findDlsym(), DLSYM);
  const lookUp = (library: Deno.PointerValue, name: string) => dlsym.call(library, cString(name));
  return (name, definition) => {
    let address = lookUp(everywhere(), name);
    if (address === null && !IS_MACOS) {
      const dlopen = functionAt(lookUp(everywhere(), "dlopen")!, DLOPEN);
      const library = dlopen.call(cString(REALTIME_LIBRARY), RTLD_NOW);
      if (library !== null) address = lookUp(library, name);
    }
    if (address === null) {
      throw new Deno.errors.NotSupported(
        `Cannot use shared memory: the C library of this system has no "${name}"`,
      );
    }
    return functionAt(address, definition);
  };
}

function functionAt<F extends Deno.ForeignFunction>(
  address: Deno.PointerObject,
  definition: F,
): Deno.UnsafeFnPointer<F> {
  return new Deno.UnsafeFnPointer(address as never, definition);
}

function findDlsym(): Deno.PointerObject {
  let cause: unknown;
  for (const name of LIBRARIES) {
    try {
      const library = Deno.dlopen(name, { dlsym: DLSYM });
      try {
        const address = library.symbols.dlsym(everywhere(), cString("dlsym"));
        if (address !== null) return address;
      } finally {
        library.close();
      }
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) {
        throw new Deno.errors.NotCapable(
          "Cannot use shared memory: this process may not call the C library; grant --allow-ffi, " +
            "without a list of paths (to a child process: `permissions: { ffi: true }`)",
          { cause: error },
        );
      }
      cause = error;
    }
  }
  throw new Deno.errors.NotSupported(
    `Cannot use shared memory: this system has none of ${LIBRARIES.join(", ")}`,
    { cause },
  );
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
