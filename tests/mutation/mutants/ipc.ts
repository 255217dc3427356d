import { type Mutant, mutantsOf } from "../mutant.ts";

/** Changes of the room `ipc`. */
export const ipcMutants: readonly Mutant[] = [
  ...mutantsOf("ipc/_session.ts", [
    "ipc/session",
    "ipc/session_cancel",
    "ipc/session_delivery",
    "ipc/session_back_pressure",
    "ipc/session_hostile",
  ], [
    [
      "a call that is aborted is not cancelled on the other side",
      "      this.#stream.send(makeShortHead(Message.CANCEL, 0, id));\n",
      "",
    ],
    [
      "what was taken by a call that is gone counts as taken",
      "call === undefined ? Message.DECLINE : Message.CONFIRM",
      "Message.CONFIRM",
    ],
    [
      "one call more than may be is in flight",
      "this.#incoming.size >= MAX_CALLS_IN_FLIGHT",
      "this.#incoming.size > MAX_CALLS_IN_FLIGHT",
    ],
    [
      "what was on its way is lost with the connection",
      "    for (const delivery of deliveries) delivery.lost();\n",
      "",
    ],
    [
      "what was on its way comes back in the wrong order",
      "[...this.#deliveries.values()].reverse()",
      "[...this.#deliveries.values()]",
    ],
    [
      "a borrower that is gone keeps its seats",
      "    for (const { seat } of lent) seat.leave();\n",
      "",
    ],
    [
      "a borrower can release the object that everybody calls",
      "        if (id === 0) throw this.#malformed(frame);\n",
      "",
    ],
    [
      "one who does not read makes this side keep everything",
      "        await this.#stream.drainedByPeer(this.mostUnsent);\n",
      "",
    ],
    [
      "a call that was cancelled fails with what the other side says",
      "    if (call.cancelled !== undefined) return call.reject(call.cancelled.reason);\n",
      "",
    ],
    [
      "calls in flight wait for ever when the connection ends",
      "for (const id of [...this.#outgoing.keys()]) this.#settle(id)",
      "for (const id of [] as number[]) this.#settle(id)",
    ],
  ]),
  ...mutantsOf("ipc/_hub.ts", ["ipc/hub"], [
    [
      "one connection more than may be is taken",
      "this.connections + this.#newcomers.size >= maxConnections",
      "this.connections + this.#newcomers.size > maxConnections",
    ],
    [
      "a stranger may send a large first message",
      "python === undefined ? MAX_HELLO_BYTES : maxFrameBytes",
      "maxFrameBytes",
    ],
    [
      "a stranger that says nothing stays",
      "const timer = setTimeout(() => close(conn), handshakeTimeoutMs);",
      "const timer = setTimeout(() => {}, handshakeTimeoutMs);",
    ],
    [
      "a connection that has ended is still counted",
      "    session.closed.then(() => this.#sessions.delete(session));\n",
      "",
    ],
    [
      "those in the handshake outlive the hub",
      "      close(conn);\n    }\n    await Promise.all([",
      "    }\n    await Promise.all([",
    ],
  ]),
  ...mutantsOf("ipc/_lock_home.ts", ["ipc/lock", "ipc/rlock", "faults/ipc_locks"], [
    ["nobody learns that a holder has died", "    if (isDead) this.ownerDied = true;\n", ""],
    [
      "a lock that its holder holds twice stays locked when he dies",
      "    while (owner.holds.includes(seat)) this.#takeOne",
      "    if (owner.holds.includes(seat)) this.#takeOne",
    ],
    [
      "a lock that may have reached one who died is handed on in silence",
      "else queueMicrotask(() => giveBack(seat.hasLeft));",
      "else giveBack(false);",
    ],
    [
      "a closed lock leaves those waiting who want it",
      "    for (let left = this.lock.recursionCount({ owner }); left > 0; left--) {",
      "    for (let left = 0; left > 0; left--) {",
    ],
  ]),
  ...mutantsOf("ipc/queue.ts", ["ipc/queue", "ipc/queue_kinds"], [
    [
      "a put with a time limit overtakes those before it",
      "        await waitWithin(line.settled, options, throwFull);\n",
      "",
    ],
    [
      "close() does not wait for what was put",
      "      if (this.#waitsForPuts) await this.joinThread();\n",
      "",
    ],
    [
      "close() leaves those waiting who get",
      "    this.#place.shutdown({ immediate: true });\n",
      "",
    ],
  ]),
  ...mutantsOf("ipc/_authentication.ts", ["ipc/authentication", "ipc/hub"], [
    ["every digest is right", "  return difference === 0;", "  return true;"],
    [
      "a challenge of one byte too few is answered",
      "message.length < SHORTEST_CHALLENGE",
      "message.length < SHORTEST_CHALLENGE - 1",
    ],
    [
      "MD5 is accepted where it is forbidden",
      'if (digest === "md5" && options.allowLegacy === false) {',
      'if (digest === "md5" && options.allowLegacy === null) {',
    ],
    [
      "a parent that does not know the ticket is believed",
      "  if (!equalInConstantTime(verdict, join(WELCOME, ascii(proof)))) {",
      "  if (!startsWith(verdict, WELCOME)) {",
    ],
    ["a wrong key is not told", "    stream.send(FAILURE);\n", ""],
    [
      "an empty key is accepted",
      "if (key.length === 0) throw",
      "if (key.length < 0) throw",
    ],
  ]),
  ...mutantsOf("ipc/_shm_segment.ts", ["ipc/shared_memory", "faults/shared_memory"], [
    ["memory that was closed can still be read", "    this.buffer.transfer(0);\n", ""],
    [
      "a segment that could not be made keeps its name",
      "    calls.close(fd);\n    calls.unlink(`/${name}`);",
      "    calls.close(fd);",
    ],
    [
      "a buffer that somebody has transferred is taken away",
      "    if (this.buffer.detached) return;\n",
      "",
    ],
    ["a name with a slash is accepted", 'name.includes("/")', "name.length > 10_000"],
    [
      "what was mapped last is unmapped at once",
      "retired.length > MOST_RETIRED ||",
      "retired.length > 0 ||",
    ],
  ]),
  ...mutantsOf("ipc/_frame_stream.ts", ["ipc/frame_stream", "ipc/session_back_pressure"], [
    [
      "a frame of the largest size is refused",
      "length > this.maxFrameBytes",
      "length >= this.maxFrameBytes",
    ],
    [
      "an end in the midst of a frame is taken for an end",
      "      if (this.#input.size === 0) return false;",
      "      if (this.#input.size >= 0) return false;",
    ],
    [
      "what one write did not take is lost",
      "          at += await this.#stream.write(part);",
      "          at += (await this.#stream.write(part), part.length);",
    ],
    [
      "a slow peer is taken for one that takes nothing",
      "          this.#progress++;\n",
      "",
    ],
    [
      "a header makes this side take the memory that it announces",
      "Math.min(this.#expected, length * 2)",
      "this.#expected",
    ],
    [
      "what is read while nobody takes it comes byte by byte",
      ": length * 2);",
      ": length + 1);",
    ],
  ]),
  ...mutantsOf("ipc/_credit_channel.ts", ["ipc/credit_channel", "ipc/pipe", "ipc/connection"], [
    ["a sender does not wait for its reader", "    this.#credit -= weightOf(message);\n", ""],
    [
      "a reader gives no credit back",
      "    if (this.#taken > WINDOW_BYTES / 2) {",
      "    if (this.#taken > Infinity) {",
    ],
    [
      "one who waits to send is not told that nobody reads",
      "    this.#line.failAll(makeError);\n",
      "",
    ],
    [
      "more arrives of a message than was announced",
      "    if (this.#end + part.length > this.#length) throw this.#malformed();\n",
      "",
    ],
  ]),
];
