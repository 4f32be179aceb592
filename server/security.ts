// Security of a gRPC server: TLS and tokens together, as its flags ask for them, and what remains open to others.

import { ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { isLocalAddress, UNIX_ADDRESS } from "../proto/address.js";
import type { Service } from "../proto/wire-error.js";
import { quote, VitrineError } from "../runtime/errors.js";
import { type Access, createAccess, type Scope, withAccess } from "./access.js";
import { openBearerToken } from "./bearer-token.js";
import type { Protection } from "./listen.js";
import { createRateLimit } from "./rate-limit.js";
import { type HttpsMaterial, openServerTls, type TlsFiles } from "./tls.js";

export interface ServerSecurity {
  /** TLS for HOST:PORT. */
  tls?: TlsFiles | undefined;
  /** File of the tokens of which each call must have one, one a line. Health checks need none. */
  tokenFile?: string | undefined;
  /** File of tokens that also allow to load and unload models. */
  adminTokenFile?: string | undefined;
  /** Requests a second that a client may make, told by its token or its address. Default: any number. */
  rateLimit?: number | undefined;
}

export interface OpenedSecurity {
  credentials: ServerCredentials;
  /** For protocols other than gRPC. */
  access: Access;
  /** TLS for them; undefined where there is none. */
  https: HttpsMaterial | undefined;
  /** The service, closed to calls that `access` refuses. `scopeOf`: of a method; default: each needs a token. */
  guard(
    definition: Parameters<typeof withAccess>[0],
    implementation: UntypedServiceImplementation,
    service: Service,
    scopeOf?: (method: string) => Scope,
  ): UntypedServiceImplementation;
  close(): void;
}

/**
 * `say` gets a line about each changed file. Throws `usage/tls` where files cannot be used, and for tokens that would go over the
 * network in plain text; `file/…`.
 */
export function openSecurity(
  { tls, tokenFile, adminTokenFile, rateLimit }: ServerSecurity,
  listen: string | readonly string[],
  say: (text: string) => void,
): OpenedSecurity {
  const addresses = typeof listen === "string" ? [listen] : listen;
  const socket = tls && addresses.find((address) => UNIX_ADDRESS.test(address));
  if (socket !== undefined)
    throw new VitrineError("usage/tls", `${quote(socket)}: TLS is for HOST:PORT; a unix socket needs none`);
  const files = [tokenFile, adminTokenFile];
  const open = tls ? undefined : addresses.find((address) => !isLocalAddress(address));
  if (files.some((file) => file !== undefined) && open !== undefined)
    throw new VitrineError(
      "usage/tls",
      `tokens would go to ${open} in plain text, for everyone on the way to read: give --tls-cert and --tls-key, ` +
        "or listen on 127.0.0.1 or unix:PATH",
    );
  const [infer, admin] = files.map((file) => (file === undefined ? null : openBearerToken(file, say)));
  const access = createAccess({
    infer,
    admin,
    rate: rateLimit === undefined ? null : createRateLimit(rateLimit),
  });
  const opened = tls && openServerTls(tls, say);
  return {
    credentials: opened?.credentials ?? ServerCredentials.createInsecure(),
    access,
    https: opened?.https,
    guard: (definition, implementation, service, scopeOf = () => "infer") =>
      withAccess(definition, implementation, access, scopeOf, service),
    close: () => opened?.close(),
  };
}

/** What the settings protect, for `exposureWarning`. */
export function protectionOf({ tls, tokenFile }: ServerSecurity): Protection {
  return { tls: tls !== undefined, asksWhoCalls: tokenFile !== undefined || tls?.clientCa !== undefined };
}
