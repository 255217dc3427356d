/**
 * Names for segments, and the removal of what crashed programs left.
 *
 * A segment lives until somebody removes its name, also when everybody who knew it has died. So a name made
 * here says who made it: `psm_ns4026531836_pid1234_0123456789abcdef`, the namespace of process ids, the
 * process, and chance. Whoever has such a segment open holds a shared lock on it (`flock`), which the
 * system lets go of when the process dies. The first time that a process makes a name, it looks for those
 * whose maker is dead and that nobody holds, and removes them.
 *
 * A lock alone would not do, since a segment that was closed everywhere may still be wanted by its name; nor
 * would the maker alone, since it may have handed the segment on before its end. Python holds no such
 * lock; what it has mapped stays, since only the name is removed.
 *
 * Only Linux lists segments. Elsewhere names are as Python's, and what a crash leaves stays until the
 * system starts anew.
 */

import { Flock, type LinuxSystem, type System } from "./_shm_system.ts";

const FOLDER = "/dev/shm";
const RANDOM_BYTES = 8;
const OWN_NAME = /^psm_ns(\d+)_pid(\d+)_[0-9a-f]{16}$/;

let isSwept = false;
let namespace: string | undefined;

/** Makes a name that nobody has, as far as chance can tell, and removes what is left of the dead. */
export function makeName(system: System): string {
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)).toHex();
  const { linux } = system;
  namespace ??= linux && /^pid:\[(\d+)\]$/.exec(linux.readLink("/proc/self/ns/pid") ?? "")?.[1];
  if (linux === undefined || namespace === undefined) return `psm_${random}`;
  if (!isSwept) {
    isSwept = true;
    sweep(system, linux, namespace);
  }
  return `psm_ns${namespace}_pid${Deno.pid}_${random}`;
}

/** Says by a lock that the segment is in use here, where its name is one that may be swept. */
export function holdName(system: System, name: string, fd: number): "held" | "free" | "swept" {
  if (system.linux === undefined || !OWN_NAME.test(name)) return "free";
  return system.linux.tryLock(fd, Flock.SHARED) ? "held" : "swept";
}

function sweep(system: System, linux: LinuxSystem, own: string): void {
  for (const name of linux.list(FOLDER)) {
    const [, of, pid] = OWN_NAME.exec(name) ?? [];
    // What another namespace calls 1234 is another process.
    if (of !== own || linux.isAlive(Number(pid))) continue;
    const fd = system.open(`/${name}`);
    if (fd < 0) continue;
    if (linux.tryLock(fd, Flock.ALONE)) system.unlink(`/${name}`);
    system.close(fd);
  }
}
