/**
 * Task queues and shared objects on {@link https://nats.io | NATS JetStream}: durable, replicated, and for as many
 * machines as the servers of NATS bear. Only this entry point brings a dependency, the NATS client.
 *
 * ## How to choose
 *
 * - {@linkcode NatsEngine}: who keeps the tasks of a queue, of a worker pool, of all of them.
 * - {@linkcode NatsConnection}: one connection, for several objects of a program.
 * - {@linkcode NatsDict}: what all should know; {@linkcode NatsCounter}: a number that all change.
 * - {@linkcode NatsLock}: what one program at a time may do; {@linkcode NatsEvent}: what others wait for.
 *
 * @module
 */

export * from "./nats_bucket_options.ts";
export * from "./nats_connection.ts";
export * from "./nats_counter.ts";
export * from "./nats_dict.ts";
export * from "./nats_engine.ts";
export * from "./nats_event.ts";
export * from "./nats_lock.ts";
export * from "./nats_lock_lost_error.ts";
export * from "./nats_options.ts";
