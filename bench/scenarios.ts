/**
 * All scenarios, in the order in which they run.
 *
 * @module
 */

import type { Scenario } from "./harness.ts";
import { scenario as manager64InFlight } from "./manager_64_in_flight_bench.ts";
import { scenario as managerCall } from "./manager_call_bench.ts";
import { scenario as processStart } from "./process_start_bench.ts";
import { scenario as queueMpmc } from "./queue_mpmc_bench.ts";
import { scenario as queuePingPong } from "./queue_ping_pong_bench.ts";
import { scenario as queueSeq } from "./queue_seq_bench.ts";

/** All scenarios, in the order in which they run. */
export const scenarios: readonly Scenario[] = [
  queueSeq,
  queuePingPong,
  queueMpmc,
  processStart,
  managerCall,
  manager64InFlight,
];
