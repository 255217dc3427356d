import type { TlsOptions } from "../ipc/mod.ts";
import { type Arguments, type OptionSpec, UsageError } from "./_cli_arguments.ts";
import { readFile } from "./_cli_files.ts";

const CERTIFICATE: readonly OptionSpec[] = [
  { name: "tls-cert", value: "FILE", help: "certificate of this side, as PEM" },
  { name: "tls-key", value: "FILE", help: "its private key, as PEM" },
];

/** What a server can be told of TLS. */
export const SERVER_TLS_OPTIONS: readonly OptionSpec[] = [
  ...CERTIFICATE,
  {
    name: "tls-ca",
    value: "FILE",
    help: "clients must show certificates for which this one vouches",
  },
];

/** What a client can be told of TLS. */
export const CLIENT_TLS_OPTIONS: readonly OptionSpec[] = [
  { name: "tls", help: "encrypt the connection; the other side must do so as well" },
  {
    name: "tls-ca",
    value: "FILE",
    help: "the authority of the server's certificate (default: those that the runtime trusts)",
  },
  { name: "tls-name", value: "NAME", help: "whom that is made out for (default: --host)" },
  ...CERTIFICATE,
];

/**
 * Reads how a server encrypts; `undefined` when it does not.
 *
 * @throws {UsageError} When something is missing.
 */
export async function readServerTls(args: Arguments): Promise<TlsOptions | undefined> {
  const tls = await readPair(args);
  const ca = args.text("tls-ca");
  if (tls === undefined) {
    if (ca === undefined) return undefined;
    throw new UsageError("Option --tls-ca needs --tls-cert and --tls-key");
  }
  if (ca === undefined) return tls;
  return { ...tls, caCerts: [await readFile("tls-ca", ca)], requireClientCert: true };
}

/**
 * Reads how a client encrypts; `undefined` when it does not.
 *
 * @throws {UsageError} When something is missing.
 */
export async function readClientTls(args: Arguments): Promise<TlsOptions | undefined> {
  const pair = await readPair(args);
  const ca = args.text("tls-ca");
  const serverName = args.text("tls-name");
  const caCerts = ca === undefined ? undefined : [await readFile("tls-ca", ca)];
  const isMeant = args.has("tls") || pair !== undefined || (caCerts ?? serverName) !== undefined;
  return isMeant ? { ...pair, caCerts, serverName } : undefined;
}

/**
 * Reads how who serves is a client of an engine; `undefined` when nothing is said of it.
 *
 * @throws {UsageError} When something is missing.
 */
export async function readEngineTls(args: Arguments): Promise<TlsOptions | undefined> {
  const pair = await readPair(args);
  const ca = args.text("tls-ca");
  if (pair === undefined && ca === undefined) return undefined;
  return { ...pair, ...ca === undefined ? {} : { caCerts: [await readFile("tls-ca", ca)] } };
}

async function readPair(args: Arguments): Promise<TlsOptions | undefined> {
  const cert = args.text("tls-cert");
  const key = args.text("tls-key");
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new UsageError("Options --tls-cert and --tls-key need each other");
  }
  return { cert: await readFile("tls-cert", cert), key: await readFile("tls-key", key) };
}
