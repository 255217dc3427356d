// What the threads of piscina and tinypool run.

export default (n) => n + 1;
