/**
 * One call at a time on an object in a manager's server process, over TLS.
 *
 * @module
 */

import { bareTlsEchoPeer } from "./bare_tls_echo_peer.ts";
import type { Scenario } from "./harness.ts";
import { counterCalls } from "./manager_counter.ts";
import { authority, server } from "../tests/distributed/fixtures/tls_certificates.ts";

/** One call at a time on an object in a manager's server process, over TLS. */
export const scenario: Scenario = {
  name: "manager call tls",
  description:
    "1,000 calls of a counter in another process over TLS on loopback TCP, one at a time; " +
    "an operation is one call",
  ours: counterCalls({
    lanes: 1,
    callsPerLane: 1_000,
    tls: { ...server, caCerts: [authority.cert] },
  }),
  peers: [
    { ...counterCalls({ lanes: 1, callsPerLane: 1_000 }), name: "the same without TLS", goal: 0.5 },
    bareTlsEchoPeer(0.25, 1_000),
  ],
};
