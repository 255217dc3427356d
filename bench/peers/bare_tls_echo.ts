import type { Buffer } from "node:buffer";
import { connect } from "node:tls";

const [port, ca] = Deno.args;
const socket = connect({ host: "127.0.0.1", port: Number(port), ca });
socket.setNoDelay(true);
socket.on("data", (bytes: Buffer) => void socket.write(bytes));
