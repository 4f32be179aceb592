// Victim: another client, which sends one small request after another while a server is attacked.

import { Client, credentials, status } from "@grpc/grpc-js";
import { inference } from "../../../proto/generated/inference.js";
import { INFERENCE_SERVICE } from "../../../proto/services.js";
import { fromStatus } from "../../../proto/wire-error.js";
import { type AttackedServer, headersOf } from "./attacks.js";

export interface Victim {
  /** Milliseconds of the requests that ended since the last call. */
  latencies(): number[];
  /** Code → requests that ended with it, since the start. */
  errors(): ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** Between two requests. */
const PAUSE_MS = 20;
const DEADLINE_MS = 60_000;

/** `token`: its own, where the server asks for one. */
export function startVictim({ address, model, side }: AttackedServer, token?: string): Victim {
  const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const message = inference.ModelInferRequest.encode({
    modelName: `${model}:pixels`,
    inputs: [{ name: "pixels", datatype: "UINT8", shape: [1, side, side, 3] }],
    rawInputContents: [new Uint8Array(side * side * 3).fill(99)],
  }).finish();
  const headers = headersOf({ ...(token !== undefined && { token }) });
  const request = (): Promise<string> =>
    new Promise((resolve) => {
      client.makeUnaryRequest(
        INFERENCE_SERVICE.ModelInfer.path,
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => bytes,
        message,
        headers,
        { deadline: Date.now() + DEADLINE_MS },
        (error) => resolve(error ? (fromStatus(error)?.code ?? status[error.code] ?? "unknown") : "ok"),
      );
    });
  let latencies: number[] = [];
  const errors = new Map<string, number>();
  let stopped = false;
  const work = async (): Promise<void> => {
    while (!stopped) {
      const start = performance.now();
      const outcome = await request();
      latencies.push(performance.now() - start);
      if (outcome !== "ok") errors.set(outcome, (errors.get(outcome) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  };
  const ended = work();
  return {
    latencies() {
      const taken = latencies;
      latencies = [];
      return taken;
    },
    errors: () => errors,
    async stop() {
      stopped = true;
      await ended;
      client.close();
    },
  };
}
