"""A worker in Python, that shares a queue, a dictionary and a counter with programs in TypeScript.

Arguments: the server. Needs nats-py.
"""

import asyncio
import json
import sys
import traceback

import nats
from nats.js.errors import KeyWrongLastSequenceError


async def run_task(js, queue, msg):
    """The name and the producer of a task are in its subject and headers; its value is the body."""
    headers = msg.headers or {}
    token = msg.subject.split(".")[-1]
    outcome = f"mh.{queue}.r.{headers.get('Mh-Producer', '_')}.{token}"
    value = json.loads(msg.data)
    try:
        state, body = "done", sum(value)
    except TypeError as error:
        state = "failed"
        body = {
            "kind": "error",
            "class": "TypeError",
            "name": "TypeError",
            "message": str(error),
            "stack": traceback.format_exc(),
        }
    await js.publish(
        outcome,
        json.dumps(body).encode(),
        headers={
            "Mh-State": state,
            "Mh-By": f"python {token}",
            "Nats-Expected-Last-Subject-Sequence": "0",
        },
    )
    await msg.ack_sync()


async def main():
    queue = "q"
    connection = await nats.connect(sys.argv[1])
    js = connection.jetstream()

    words = await js.key_value("words")
    entry = await words.get("from/typescript")
    await words.put("from/python", json.dumps({"read": json.loads(entry.value)}).encode())

    print("READY", flush=True)
    counters = await js.key_value("counters")
    for _ in range(50):
        while True:
            before = await counters.get("n")
            try:
                await counters.update("n", str(int(before.value) + 1).encode(), last=before.revision)
                break
            except KeyWrongLastSequenceError:
                pass

    tasks = await js.pull_subscribe_bind("t0", f"MH_{queue}_tasks")
    for _ in range(2):
        (msg,) = await tasks.fetch(1, timeout=20)
        await run_task(js, queue, msg)
    await connection.close()


asyncio.run(main())
