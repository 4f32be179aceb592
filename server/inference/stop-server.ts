// Stop server: how an inference server ends without losing a call that it could answer.

import { setTimeout as delay } from "node:timers/promises";
import type { Server } from "@grpc/grpc-js";
import type { Health } from "../health.js";
import type { GrpcSocket } from "../listen.js";
import type { OpenCalls } from "../open-calls.js";

export interface StoppingTimes {
  /** Milliseconds in which a stopping server says so and serves as before. */
  lameDuckMs: number;
  /** Milliseconds that calls in progress get after that. */
  graceMs: number;
}

export interface RunningServer {
  server: Server;
  socket: GrpcSocket;
  /** HTTP, if it is served: its drain resolves to the number of requests that were cut off. */
  http: { drain(graceMs: number): Promise<number> } | undefined;
  calls: OpenCalls;
  health: Health;
  /** Ends the streams after what they have in progress. */
  endStreams(): void;
  /** Frees the models; what they still compute ends with an error. */
  closeModels(): Promise<void>;
}

/** Connections without calls get this time to send what is in their buffers. */
const CLOSE_MS = 1_000;
const LOOK_MS = 20;

/** Resolves to the number of calls that were cut off. */
export async function stopServer(
  running: RunningServer,
  { lameDuckMs, graceMs }: StoppingTimes,
): Promise<number> {
  const { server, socket, http, calls, health } = running;
  health.setServing(false);
  socket.goAway();
  if (lameDuckMs > 0) {
    await delay(lameDuckMs);
    // Those that came since then.
    socket.goAway();
  }
  socket.stopAccepting();
  running.endStreams();
  health.close();
  const limit = delay(graceMs, undefined, { ref: false });
  const [httpCutOff = 0] = await Promise.all([http?.drain(graceMs), Promise.race([calls.idle(), limit])]);
  const cutOff = calls.count();
  // A batch that never ends is not waited for.
  await Promise.race([running.closeModels(), delay(CLOSE_MS)]);
  // A connection that was sent GOAWAY closes with its last call.
  for (let waited = 0; socket.connections() > 0 && waited < CLOSE_MS; waited += LOOK_MS) await delay(LOOK_MS);
  server.forceShutdown();
  return cutOff + httpCutOff;
}
