import { Queue, ThreadPool } from "../../thread/mod.ts";
import { poolContract } from "../contracts/pool_contract.ts";

const MODULE = new URL("../contracts/pool_functions.ts", import.meta.url);

poolContract("ThreadPool", {
  createPool: (size) => new ThreadPool(size, { module: MODULE }),
  createQueue: () => new Queue<number>(),
  errors: "copies",
});
