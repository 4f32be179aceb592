// Collective server: where a rank of a run listens, with TLS and tokens as the data server has them. The calls
// themselves are the trainer's.

import { Server, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { isLocalAddress } from "../proto/address.js";
import { COLLECTIVE_SERVICE } from "../proto/collective-codec.js";
import { drainGrpc } from "./drain.js";
import { listen } from "./listen.js";
import { openSecurity, protectionOf, type ServerSecurity } from "./security.js";

/** A rank has few calls with another one: no connection takes all places. */
const OPTIONS = {
  "grpc.max_concurrent_streams": 16,
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 60_000,
};

const openPort = (address: string): string =>
  `warning: ${address} is reachable from other machines: anyone who can reach it can join the run and read its weights. ` +
  "Give every rank --ranks-tls-cert, --ranks-tls-key and --ranks-tls-ca";

/**
 * For `JoinOptions.serve`. `say` gets a line where anyone on the network could join the run, and one about each changed file
 * of certificates or tokens.
 */
export function collectiveServer(security: ServerSecurity, say: (text: string) => void) {
  return async (implementation: UntypedServiceImplementation, address: string) => {
    const opened = openSecurity(security, address, say);
    const server = new Server(OPTIONS);
    server.addService(COLLECTIVE_SERVICE, opened.guard(COLLECTIVE_SERVICE, implementation, "collective"));
    const close = async (): Promise<void> => {
      await drainGrpc(server);
      opened.close();
    };
    try {
      const bound = await listen(server, address, opened.credentials);
      if (!isLocalAddress(bound) && !protectionOf(security).asksWhoCalls) say(openPort(bound));
      return { address: bound, close };
    } catch (error) {
      await close();
      throw error;
    }
  };
}
