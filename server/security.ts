// Security of a gRPC server: TLS and tokens together, as its flags ask for them, and what remains open to others.

import { ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { isLocalAddress, UNIX_ADDRESS } from "../proto/address.js";
import type { Service } from "../proto/wire-error.js";
import { quote, VitrineError } from "../runtime/errors.js";
import { openBearerToken, withToken } from "./bearer-token.js";
import type { Protection } from "./listen.js";
import { openServerTls, type TlsFiles } from "./tls.js";

export interface ServerSecurity {
  /** TLS for HOST:PORT. */
  tls?: TlsFiles | undefined;
  /** File of the tokens of which each call must have one, one a line. Health checks need none. */
  tokenFile?: string | undefined;
}

export interface OpenedSecurity {
  credentials: ServerCredentials;
  /** The service, closed to calls without a token where tokens are asked for. */
  guard(
    definition: Parameters<typeof withToken>[0],
    implementation: UntypedServiceImplementation,
    service: Service,
  ): UntypedServiceImplementation;
  close(): void;
}

/**
 * `say` gets a line about each changed file. Throws `usage/tls` where files cannot be used, and for tokens that would go over the
 * network in plain text; `file/…`.
 */
export function openSecurity(
  { tls, tokenFile }: ServerSecurity,
  listen: string,
  say: (text: string) => void,
): OpenedSecurity {
  if (tls && UNIX_ADDRESS.test(listen))
    throw new VitrineError("usage/tls", `${quote(listen)}: TLS is for HOST:PORT; a unix socket needs none`);
  if (tokenFile !== undefined && !tls && !isLocalAddress(listen))
    throw new VitrineError(
      "usage/tls",
      `tokens would go to ${listen} in plain text, for everyone on the way to read: give --tls-cert and --tls-key, ` +
        "or listen on 127.0.0.1 or unix:PATH",
    );
  const token = tokenFile === undefined ? null : openBearerToken(tokenFile, say);
  const opened = tls && openServerTls(tls, say);
  return {
    credentials: opened?.credentials ?? ServerCredentials.createInsecure(),
    guard: (definition, implementation, service) => withToken(definition, implementation, token, service),
    close: () => opened?.close(),
  };
}

/** What the settings protect, for `exposureWarning`. */
export function protectionOf({ tls, tokenFile }: ServerSecurity): Protection {
  return { tls: tls !== undefined, asksWhoCalls: tokenFile !== undefined || tls?.clientCa !== undefined };
}
