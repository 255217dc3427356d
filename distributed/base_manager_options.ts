/**
 * What a manager is made with.
 *
 * @module
 */

import type { AddressLike } from "../ipc/mod.ts";
import type { Permissions } from "../process/mod.ts";
import type { RetryOptions } from "./retry_options.ts";
import type { ServerLimits } from "./server.ts";

/** Options for `BaseManager`. */
export interface BaseManagerOptions extends ServerLimits {
  /**
   * Where the manager listens, or is to be found. Port 0 lets the system choose one.
   *
   * @default {"127.0.0.1:0"}
   */
  address?: AddressLike | undefined;
  /**
   * The key that both sides must have; text is taken as UTF-8. Whoever has it can call everything that is
   * registered. Without it, it is a random key that only this process and its children have.
   *
   * @default {undefined}
   */
  authkey?: string | Uint8Array | undefined;
  /**
   * The module that exports the registered functions, for `BaseManager.start`:
   * `import.meta.url` for functions of the same file.
   *
   * @default {undefined}
   */
  module?: string | URL | undefined;
  /**
   * What the manager's own process may do beside listening, for `BaseManager.start`.
   *
   * @default {"none"}
   */
  permissions?: Permissions | undefined;
  /**
   * How long a manager may take to answer to `BaseManager.shutdown`, and its own process to end
   * in order before it is terminated, and once more before it is killed; in milliseconds.
   *
   * @default {1000}
   */
  shutdownTimeoutMs?: number | undefined;
  /**
   * Told of each connection that `getServer()`'s server refused.
   *
   * @default {undefined}
   */
  onRefused?: ((error: unknown) => void) | undefined;
  /**
   * Whether a client connects anew when its connection is lost, and with which pauses; for
   * `BaseManager.connect`. See there what becomes of calls and proxies.
   *
   * @default {false}
   */
  retry?: boolean | RetryOptions | undefined;
}
