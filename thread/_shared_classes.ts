/**
 * Loads every class whose objects can be received from another thread: a program that only names them in
 * its types does not load them itself.
 */

import "./barrier.ts";
import "./bounded_semaphore.ts";
import "./condition.ts";
import "./event.ts";
import "./lock.ts";
import "./queue.ts";
import "./rlock.ts";
import "./semaphore.ts";
import "./shared_array.ts";
import "./value.ts";
