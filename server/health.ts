// Health: grpc.health.v1 for the whole server and for each model; watchers are notified of every change.

import type { ServerWritableStream, UntypedServiceImplementation } from "@grpc/grpc-js";
import { grpc } from "../proto/generated/health.js";
import { ServingStatus } from "../proto/services.js";
import { quote, VitrineError } from "../runtime/errors.js";
import { unaryCall } from "./unary-call.js";

const { HealthCheckResponse } = grpc.health.v1;
type Request = grpc.health.v1.HealthCheckRequest;
type Response = grpc.health.v1.HealthCheckResponse;
type Watcher = ServerWritableStream<Request, Response>;

export interface Health {
  readonly handlers: UntypedServiceImplementation;
  isServing(): boolean;
  /** Notifies all watchers. */
  setServing(serving: boolean): void;
  /** Ends the watchers' streams, which would otherwise block a shutdown forever. */
  close(): void;
}

/** `services`: the known names besides "" (the whole server). */
export function createHealth(services: readonly string[]): Health {
  let serving = false;
  const watchers = new Set<Watcher>();
  const knows = (service: string) => service === "" || services.includes(service);
  const respond = (service: string): Response => {
    const current = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    return HealthCheckResponse.create({ status: knows(service) ? current : ServingStatus.SERVICE_UNKNOWN });
  };
  return {
    handlers: {
      Check: unaryCall<Request, Response>(({ service }) => {
        if (!knows(service)) {
          const allowed = ["", ...services].map((name) => `"${name}"`).join(", ");
          throw new VitrineError(
            "protocol/unknown-service",
            `no service "${quote(service)}"; allowed: ${allowed}`,
          );
        }
        return respond(service);
      }),
      Watch: (call: Watcher) => {
        watchers.add(call);
        call.on("cancelled", () => watchers.delete(call));
        call.write(respond(call.request.service));
      },
    },
    isServing: () => serving,
    setServing: (value) => {
      if (value === serving) return;
      serving = value;
      for (const call of watchers) call.write(respond(call.request.service));
    },
    close: () => {
      for (const call of watchers) call.end();
      watchers.clear();
    },
  };
}
