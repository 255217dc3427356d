/**
 * What the shared objects on NATS have in common.
 *
 * @module
 */

/** Options of all shared objects on NATS. */
export interface NatsBucketOptions {
  /**
   * The bucket of NATS in which it is kept: letters, digits, `-` and `_`. It is made when there is none.
   *
   * @default {one for each kind of object; of a dictionary, its name}
   */
  bucket?: string | undefined;
  /**
   * On how many servers of a cluster a bucket is kept that is made now: 1, 3 or 5. With 3, one server may be lost.
   * With more than 1, dictionaries, locks and counters need nats-server 2.10.23 or later: older ones let two change a
   * replicated key at once.
   *
   * @default {1}
   */
  replicas?: number | undefined;
  /**
   * For how long a call is tried when the engine does not answer, in milliseconds: a cluster that has lost its
   * leader is away for a few seconds. Then it fails with an {@linkcode EngineUnavailableError}.
   *
   * @default {15000}
   */
  patienceMs?: number | undefined;
}
