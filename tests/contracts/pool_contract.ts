import { poolCallContract } from "./_pool_calls.ts";
import { poolImapContract } from "./_pool_imap.ts";
import { poolStopContract } from "./_pool_stop.ts";
import { poolStreamContract } from "./_pool_stream.ts";
import type { PoolSubject } from "./_pool_subject.ts";

export type { PoolSubject } from "./_pool_subject.ts";

/** The rules that all pools share. `name` is the class, as titles show it. */
export function poolContract(name: string, subject: PoolSubject): void {
  poolCallContract(name, subject);
  poolImapContract(name, subject);
  poolStopContract(name, subject);
  poolStreamContract(name, subject);
}
