/** The largest message that is accepted after the handshake, unless the user says otherwise. */
export const DEFAULT_MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

/** The longest that connecting and the handshake may take together. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 20_000;

/** The most connections at a time. */
export const DEFAULT_MAX_CONNECTIONS = 10_000;

/** The most connections that have not proved the key yet. With more, the oldest of them is closed. */
export const MAX_HANDSHAKES = 1_024;

/** The largest first message. */
export const MAX_HELLO_BYTES = 256 * 1024;
