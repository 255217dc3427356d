/**
 * All scenarios, in the order in which they run.
 *
 * @module
 */

import type { Scenario } from "./harness.ts";
import { scenario as coroutineAsyncSend } from "./coroutine_async_send_bench.ts";
import { scenario as coroutineSend } from "./coroutine_send_bench.ts";
import { scenario as lock100kWaiters } from "./lock_100k_waiters_bench.ts";
import { scenario as lockUncontended } from "./lock_uncontended_bench.ts";
import { scenario as manager64InFlight } from "./manager_64_in_flight_bench.ts";
import { scenario as managerCall } from "./manager_call_bench.ts";
import { scenario as poolApply } from "./pool_apply_bench.ts";
import { scenario as poolBytes } from "./pool_bytes_bench.ts";
import { scenario as poolCpu } from "./pool_cpu_bench.ts";
import { scenario as poolInstant } from "./pool_instant_bench.ts";
import { scenario as poolMapNumbers } from "./pool_map_numbers_bench.ts";
import { scenario as poolMapSingly } from "./pool_map_singly_bench.ts";
import { scenario as processStart } from "./process_start_bench.ts";
import { scenario as queueMpmc } from "./queue_mpmc_bench.ts";
import { scenario as queuePingPong } from "./queue_ping_pong_bench.ts";
import { scenario as queueSeq } from "./queue_seq_bench.ts";
import { scenario as subprocessOutput } from "./subprocess_output_bench.ts";
import { scenario as subprocessRun } from "./subprocess_run_bench.ts";
import { scenario as taskSpawn } from "./task_spawn_bench.ts";

/** All scenarios, in the order in which they run. */
export const scenarios: readonly Scenario[] = [
  coroutineSend,
  coroutineAsyncSend,
  queueSeq,
  queuePingPong,
  queueMpmc,
  taskSpawn,
  lockUncontended,
  lock100kWaiters,
  poolInstant,
  processStart,
  poolApply,
  poolMapSingly,
  poolMapNumbers,
  poolBytes,
  poolCpu,
  subprocessRun,
  subprocessOutput,
  managerCall,
  manager64InFlight,
];
