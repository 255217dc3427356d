// What the threads of poolifier run.

import { ThreadWorker } from "npm:poolifier@5.3.2";

export default new ThreadWorker((n) => n + 1);
