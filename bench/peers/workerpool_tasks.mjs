// What the processes of workerpool run.

import workerpool from "npm:workerpool@10.0.3";

workerpool.worker({ addOne: (n) => n + 1 });
