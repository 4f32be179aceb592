// Access: who may make which calls of a server, and how many.

import type { Metadata, MethodDefinition, sendUnaryData, UntypedServiceImplementation } from "@grpc/grpc-js";
import { TOKEN_HEADER } from "../proto/bearer-token.js";
import { type Service, toStatus } from "../proto/wire-error.js";
import { VitrineError } from "../runtime/errors.js";
import { type BearerToken, unauthenticated } from "./bearer-token.js";
import { nameCaller } from "./caller.js";
import { clientOfAddress, type RateLimit } from "./rate-limit.js";

/** `open`: health, which asks for nothing. `infer`: all else but `admin`, which loads and unloads models. */
export type Scope = "open" | "infer" | "admin";

export interface Access {
  /**
   * `authorization`: the header. `address`: of the caller, without its port. Returns a name of the caller: of its token,
   * or its address. Throws `network/unauthenticated`, `network/not-allowed`, `network/rate-limited`.
   */
  require(scope: Scope, authorization: string | undefined, address: string): string;
}

export interface AccessRules {
  /** Tokens for inference. Absent: anyone may. */
  infer: BearerToken | null;
  /** Tokens for everything. Absent: with `infer`, nobody may load or unload models, and without it, anyone. */
  admin: BearerToken | null;
  rate: RateLimit | null;
}

export function createAccess({ infer, admin, rate }: AccessRules): Access {
  const matchAny = (authorization: string | undefined): string | undefined =>
    admin?.match(authorization) ?? infer?.match(authorization);
  return {
    require(scope, authorization, address) {
      if (scope === "open") return clientOfAddress(address);
      const token = matchAny(authorization);
      const caller = token ?? clientOfAddress(address);
      // Calls with a wrong token count as well.
      rate?.take(caller);
      const asks = scope === "infer" ? infer !== null : infer !== null || admin !== null;
      if (!asks) return caller;
      if (token === undefined) throw unauthenticated(authorization);
      if (scope === "infer" || admin?.match(authorization) !== undefined) return caller;
      const text = admin
        ? "this token is for inference; loading and unloading models needs another one"
        : "this server has no token that allows to load and unload models";
      throw new VitrineError("network/not-allowed", text);
    },
  };
}

type Handler = (
  call: { metadata: Metadata; getPeer(): string; emit(event: "error", status: unknown): boolean },
  ...rest: never[]
) => void;

/** `127.0.0.1:50112` or `::1:50112` → the address. */
const addressOf = (peer: string): string => peer.slice(0, Math.max(0, peer.lastIndexOf(":")));

/** The same service, which asks `access` about each call. `scopeOf`: of a method. */
export function withAccess(
  definition: Record<string, Pick<MethodDefinition<never, never>, "responseStream">>,
  implementation: UntypedServiceImplementation,
  access: Access,
  scopeOf: (method: string) => Scope,
  service: Service,
): UntypedServiceImplementation {
  const guarded = Object.entries(implementation).map(([name, handler]): [string, Handler] => [
    name,
    (call, ...rest) => {
      try {
        const [header] = call.metadata.get(TOKEN_HEADER);
        const authorization = header === undefined ? undefined : String(header);
        nameCaller(call, access.require(scopeOf(name), authorization, addressOf(call.getPeer())));
      } catch (error) {
        const status = toStatus(error, service);
        if (definition[name].responseStream) call.emit("error", status);
        else (rest[0] as sendUnaryData<never>)(status);
        return;
      }
      (handler as Handler)(call, ...rest);
    },
  ]);
  return Object.fromEntries(guarded) as unknown as UntypedServiceImplementation;
}
