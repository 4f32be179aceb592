// Security options: TLS and tokens, of servers and of the commands that connect to data servers.

import { resolve } from "node:path";
import type { Command } from "commander";
import type { ConnectionSecurity } from "../client/node/index.js";
import { VitrineError } from "../runtime/errors.js";
import type { ServerSecurity } from "../server/security.js";

export interface ServerSecurityFlags {
  tlsCert?: string;
  tlsKey?: string;
  tlsClientCa?: string;
  tokenFile?: string;
}

export function addServerSecurity(command: Command): void {
  command
    .optionsGroup("Security:")
    .option("--tls-cert <file>", "serve by TLS with this certificate (PEM); a changed file is read again")
    .option("--tls-key <file>", "its private key (PEM)")
    .option("--tls-client-ca <file>", "only clients with a certificate of this CA (PEM)")
    .option("--token-file <file>", "only clients with one of these tokens, one a line");
}

/** Throws `usage/command-line` where only a part of TLS is given. */
export function serverSecurity(flags: ServerSecurityFlags): ServerSecurity {
  const { tlsCert: cert, tlsKey: key, tlsClientCa: clientCa, tokenFile } = flags;
  if (cert === undefined && key === undefined && clientCa === undefined) return { tokenFile };
  if (cert === undefined || key === undefined)
    throw new VitrineError("usage/command-line", "TLS needs both --tls-cert and --tls-key");
  return { tls: { cert, key, clientCa }, tokenFile };
}

export type ConnectionFlags = Pick<ConnectionSecurity, "tls" | "tlsCa" | "tlsCert" | "tlsKey" | "tokenFile">;

/** How a command connects to `servers`, a plural. */
export function addConnectionSecurity(command: Command, servers = "data servers"): void {
  command
    .optionsGroup("Security:")
    .option("--tls", `connect to ${servers} by TLS; implied by the other --tls flags`)
    .option("--tls-ca <file>", "CA of their certificates (PEM); by default those that Node trusts")
    .option("--tls-cert <file>", "certificate of this client (PEM), if they ask for one")
    .option("--tls-key <file>", "its private key (PEM)")
    .option("--token-file <file>", "file whose first line is the token that they ask for");
}

export function connectionSecurity({
  tls,
  tlsCa,
  tlsCert,
  tlsKey,
  tokenFile,
}: ConnectionFlags): ConnectionFlags {
  return { tls, tlsCa, tlsCert, tlsKey, tokenFile };
}

/** The same as flags with their values, paths absolute: what a resumed run is given again. */
export function connectionFlags(flags: ConnectionFlags): Record<string, string | boolean> {
  const files = {
    "tls-ca": flags.tlsCa,
    "tls-cert": flags.tlsCert,
    "tls-key": flags.tlsKey,
    "token-file": flags.tokenFile,
  };
  const given = Object.entries(files).flatMap(([flag, file]) =>
    file === undefined ? [] : [[flag, resolve(file)]],
  );
  return { ...(flags.tls ? { tls: true } : {}), ...Object.fromEntries(given) };
}
