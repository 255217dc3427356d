/**
 * All scenarios, in the order in which they run.
 *
 * @module
 */

import type { Scenario } from "./harness.ts";
import { scenario as connectionPingPong } from "./connection_ping_pong_bench.ts";
import { scenario as connectionThroughput } from "./connection_throughput_bench.ts";
import { scenario as coroutineAsyncSend } from "./coroutine_async_send_bench.ts";
import { scenario as coroutineSend } from "./coroutine_send_bench.ts";
import { scenario as engineGet } from "./engine_get_bench.ts";
import { scenario as enginePut } from "./engine_put_bench.ts";
import { scenario as engineRoundTrip } from "./engine_round_trip_bench.ts";
import { scenario as engineTasks } from "./engine_tasks_bench.ts";
import { scenario as lock100kWaiters } from "./lock_100k_waiters_bench.ts";
import { scenario as lockUncontended } from "./lock_uncontended_bench.ts";
import { scenario as manager64InFlight } from "./manager_64_in_flight_bench.ts";
import { scenario as managerCall } from "./manager_call_bench.ts";
import { scenario as managerCallTls } from "./manager_call_tls_bench.ts";
import { scenario as managerPythonConnect } from "./manager_python_connect_bench.ts";
import { scenario as managerPythonTask } from "./manager_python_task_bench.ts";
import { scenario as pickleRequest } from "./pickle_request_bench.ts";
import { scenario as pickleRows } from "./pickle_rows_bench.ts";
import { scenario as pipePingPong } from "./pipe_ping_pong_bench.ts";
import { scenario as pipeThroughput } from "./pipe_throughput_bench.ts";
import { scenario as poolApply } from "./pool_apply_bench.ts";
import { scenario as poolBytes } from "./pool_bytes_bench.ts";
import { scenario as poolCpu } from "./pool_cpu_bench.ts";
import { scenario as poolInstant } from "./pool_instant_bench.ts";
import { scenario as poolMapNumbers } from "./pool_map_numbers_bench.ts";
import { scenario as poolMapSingly } from "./pool_map_singly_bench.ts";
import { scenario as processLock } from "./process_lock_bench.ts";
import { scenario as processQueue } from "./process_queue_bench.ts";
import { scenario as processStart } from "./process_start_bench.ts";
import { scenario as queueMpmc } from "./queue_mpmc_bench.ts";
import { scenario as queuePingPong } from "./queue_ping_pong_bench.ts";
import { scenario as queueSeq } from "./queue_seq_bench.ts";
import { scenario as rpcStream } from "./rpc_stream_bench.ts";
import { scenario as sharedDict64InFlight } from "./shared_dict_64_in_flight_bench.ts";
import { scenario as sharedDictCall } from "./shared_dict_call_bench.ts";
import { scenario as sharedMemoryBytes } from "./shared_memory_bytes_bench.ts";
import { scenario as sharedMemoryOpen } from "./shared_memory_open_bench.ts";
import { scenario as sharedMemoryRing } from "./shared_memory_ring_bench.ts";
import { scenario as subprocessOutput } from "./subprocess_output_bench.ts";
import { scenario as subprocessRun } from "./subprocess_run_bench.ts";
import { scenario as taskQueuePool } from "./task_queue_pool_bench.ts";
import { scenario as taskQueueWorkers } from "./task_queue_workers_bench.ts";
import { scenario as taskSpawn } from "./task_spawn_bench.ts";
import { scenario as threadLockHandOver } from "./thread_lock_hand_over_bench.ts";
import { scenario as threadLockUncontended } from "./thread_lock_uncontended_bench.ts";
import { scenario as threadPoolApply } from "./thread_pool_apply_bench.ts";
import { scenario as threadPoolCopy } from "./thread_pool_copy_bench.ts";
import { scenario as threadPoolCpu } from "./thread_pool_cpu_bench.ts";
import { scenario as threadPoolMove } from "./thread_pool_move_bench.ts";
import { scenario as threadPoolQueued } from "./thread_pool_queued_bench.ts";
import { scenario as threadPoolRounds } from "./thread_pool_rounds_bench.ts";
import { scenario as threadQueue } from "./thread_queue_bench.ts";
import { scenario as threadStart } from "./thread_start_bench.ts";
import { scenario as threadStartKillable } from "./thread_start_killable_bench.ts";

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
  threadLockUncontended,
  threadLockHandOver,
  threadQueue,
  threadStart,
  threadStartKillable,
  threadPoolApply,
  threadPoolQueued,
  threadPoolRounds,
  threadPoolCopy,
  threadPoolMove,
  threadPoolCpu,
  poolApply,
  poolMapSingly,
  poolMapNumbers,
  poolBytes,
  poolCpu,
  sharedMemoryOpen,
  sharedMemoryBytes,
  sharedMemoryRing,
  subprocessRun,
  subprocessOutput,
  pipePingPong,
  pipeThroughput,
  connectionPingPong,
  connectionThroughput,
  processLock,
  processQueue,
  managerCall,
  managerCallTls,
  manager64InFlight,
  sharedDictCall,
  sharedDict64InFlight,
  managerPythonTask,
  managerPythonConnect,
  rpcStream,
  taskQueueWorkers,
  taskQueuePool,
  enginePut,
  engineGet,
  engineRoundTrip,
  engineTasks,
  pickleRequest,
  pickleRows,
];
