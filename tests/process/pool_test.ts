import { Queue } from "../../ipc/mod.ts";
import { Pool } from "../../process/mod.ts";
import { poolContract } from "../contracts/pool_contract.ts";

const MODULE = new URL("../contracts/pool_functions.ts", import.meta.url);

const queues: Queue<number>[] = [];

poolContract("process.Pool", {
  createPool: (size) => new Pool(size, { module: MODULE }),
  createQueue: () => {
    const queue = new Queue<number>();
    queues.push(queue);
    return queue;
  },
  cleanUp: async () => {
    for (const queue of queues.splice(0)) await queue.close();
  },
  errors: "copies",
});
