// Health: grpc.health.v1 for the whole server, its services and each model; watchers are notified of every change.

import type { ServerWritableStream, UntypedServiceImplementation } from "@grpc/grpc-js";
import { grpc } from "../proto/generated/health.js";
import { ServingStatus } from "../proto/services.js";
import { quote, VitrineError } from "../runtime/errors.js";
import { unaryCall } from "./unary-call.js";

const { HealthCheckResponse, HealthListResponse } = grpc.health.v1;
type Request = grpc.health.v1.HealthCheckRequest;
type Response = grpc.health.v1.HealthCheckResponse;
type Watcher = ServerWritableStream<Request, Response>;

export interface Health {
  readonly handlers: UntypedServiceImplementation;
  isServing(): boolean;
  /** Of the whole server: while it is false, no service is serving. Notifies watchers of what changed. */
  setServing(serving: boolean): void;
  /** The models and whether each is ready, in place of those before. Notifies watchers of what changed. */
  setModels(ready: ReadonlyMap<string, boolean>): void;
  /** Service → status, with "" for the whole server. */
  statuses(): ReadonlyMap<string, number>;
  /** Ends the watchers' streams, which would otherwise block a shutdown forever. */
  close(): void;
}

/** The names of an error's text: a repository may have thousands of models. */
const NAMED = 20;

/** Services of one answer of List. */
const MOST_LISTED = 10_000;

/** The service itself has a name, too. */
const OWN_NAME = "grpc.health.v1.Health";

/** `others`: the names besides "" (the whole server) and its own that are known at any time. */
export function createHealth(others: readonly string[]): Health {
  const services = [...others, OWN_NAME];
  let serving = false;
  let models: ReadonlyMap<string, boolean> = new Map();
  /** Each with what it was last sent. */
  const watchers = new Map<Watcher, number>();
  const statusOf = (service: string): number => {
    const isFixed = service === "" || services.includes(service);
    if (!isFixed && !models.has(service)) return ServingStatus.SERVICE_UNKNOWN;
    const isReady = serving && (isFixed || models.get(service) === true);
    return isReady ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };
  const known = (): string[] => [...services, ...models.keys()];
  const respond = (status: number): Response => HealthCheckResponse.create({ status });
  const notify = (): void => {
    for (const [call, sent] of watchers) {
      const status = statusOf(call.request.service);
      if (status === sent) continue;
      watchers.set(call, status);
      call.write(respond(status));
    }
  };
  return {
    handlers: {
      Check: unaryCall<Request, Response>(({ service }) => {
        const status = statusOf(service);
        if (status !== ServingStatus.SERVICE_UNKNOWN) return respond(status);
        const names = ["", ...known()].map((name) => `"${name}"`);
        const allowed = [...names.slice(0, NAMED), ...(names.length > NAMED ? ["…"] : [])].join(", ");
        throw new VitrineError(
          "protocol/unknown-service",
          `no service "${quote(service)}"; allowed: ${allowed}`,
        );
      }),
      List: unaryCall(() => {
        const names = ["", ...known()];
        if (names.length > MOST_LISTED) {
          const text = `${names.length} services are more than are listed; ask for one by Check`;
          throw new VitrineError("network/resource-exhausted", text);
        }
        const statuses = Object.fromEntries(names.map((name) => [name, respond(statusOf(name))]));
        return HealthListResponse.create({ statuses });
      }),
      Watch: (call: Watcher) => {
        const status = statusOf(call.request.service);
        watchers.set(call, status);
        call.on("cancelled", () => watchers.delete(call));
        call.write(respond(status));
      },
    },
    isServing: () => serving,
    setServing: (value) => {
      serving = value;
      notify();
    },
    setModels: (ready) => {
      models = new Map(ready);
      notify();
    },
    statuses: () => new Map(["", ...known()].map((name) => [name, statusOf(name)])),
    close: () => {
      for (const call of watchers.keys()) call.end();
      watchers.clear();
    },
  };
}
