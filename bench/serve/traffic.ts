// Traffic: the kinds of requests that the bench sends to one server, and the windows in which it measures them.

import { setTimeout as delay } from "node:timers/promises";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { openGrpcTarget } from "../../bin/loadgen/grpc-target.js";
import { type Load, startLoad } from "../../bin/loadgen/load.js";
import { makePayload } from "../../bin/loadgen/payload.js";
import { OK, type PreparedInput, type PreparedRequest, type Target } from "../../bin/loadgen/target.js";
import { Window } from "../../bin/loadgen/window.js";
import { grpc } from "../../proto/generated/health.js";
import { HEALTH_SERVICE } from "../../proto/services.js";
import { plainJpeg, plainPng } from "./huge-pictures.js";

/** Requests of one kind over a connection of their own. */
export interface Kind {
  send(deadlineMs: number): Promise<string>;
  close(): void;
}

export interface Traffic {
  tensors: Kind;
  jpegs: Kind;
  /** 64 megapixels, JPEG and PNG in turns. */
  huge: Kind;
  health: Kind;
  /** The JPEGs, for decoding them without a server. */
  files: Uint8Array[];
  close(): void;
}

const HUGE_SIDE = 8000;

const length = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

const picture = (file: Uint8Array): PreparedInput => ({
  ...{ name: "image", datatype: "BYTES", shape: [1] },
  raw: Buffer.concat([length(file.length), file]),
});

function kindOf(target: Target, requests: readonly PreparedRequest[]): Kind {
  let next = 0;
  return {
    send: (deadlineMs) => target.send(requests[next++ % requests.length]!, deadlineMs),
    close: () => target.close(),
  };
}

function healthChecks(address: string): Kind {
  const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const { path, requestSerialize, responseDeserialize } = HEALTH_SERVICE.Check;
  const request = grpc.health.v1.HealthCheckRequest.create();
  return {
    send: (deadlineMs) =>
      new Promise((resolve) => {
        const options = { deadline: Date.now() + deadlineMs };
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          new Metadata(),
          options,
          (error) => resolve(error ? String(error.code) : OK),
        );
      }),
    close: () => client.close(),
  };
}

/** `pictures`: a folder of JPEGs; drawn ones without it. */
export async function openTraffic(
  address: string,
  model: string,
  pictures: string | undefined,
): Promise<Traffic> {
  const open = (name: string): Target =>
    openGrpcTarget({ address, model: name, version: "", connections: 1, security: {} });
  const [tensorTarget, jpegTarget, hugeTarget] = [open(`${model}:pixels`), open(model), open(model)] as const;
  const { inputs } = await tensorTarget.describe();
  const payload = { batch: 1, seed: 0, pictures };
  const tensors = await makePayload(inputs[0]!, payload);
  const jpegs = await makePayload({ name: "image", datatype: "BYTES", shape: [-1] }, payload);
  const huge = [plainJpeg(HUGE_SIDE, HUGE_SIDE), plainPng(HUGE_SIDE, HUGE_SIDE)].map(picture);
  const kinds = {
    tensors: kindOf(
      tensorTarget,
      tensors.inputs.map((input) => tensorTarget.prepare([input])),
    ),
    jpegs: kindOf(
      jpegTarget,
      jpegs.inputs.map((input) => jpegTarget.prepare([input])),
    ),
    huge: kindOf(
      hugeTarget,
      huge.map((input) => hugeTarget.prepare([input])),
    ),
    health: healthChecks(address),
  };
  return {
    ...kinds,
    files: jpegs.inputs.map(({ raw }) => raw.subarray(4)),
    close() {
      for (const kind of Object.values(kinds)) kind.close();
    },
  };
}

export interface Sending {
  /** The measurement so far, of `seconds`. */
  measure(seconds: number): Promise<Window>;
  /** Resolves with the number of requests that were answered since the start. */
  stop(): Promise<number>;
}

/** Sends until it is stopped. */
export function startSending(kind: Kind, load: Load, deadlineMs = 60_000): Sending {
  let window: Window | undefined;
  let answered = 0;
  const running = startLoad(load, {
    send: () => kind.send(deadlineMs),
    ended: (outcome, latencyMs) => {
      if (outcome === OK) answered++;
      window?.record(outcome, latencyMs);
    },
    seed: 1,
  });
  return {
    async measure(seconds) {
      const current = new Window();
      const start = performance.now();
      window = current;
      await delay(1000 * seconds);
      window = undefined;
      current.close((performance.now() - start) / 1000);
      return current;
    },
    async stop() {
      await running.stop();
      return answered;
    },
  };
}

/** Seconds of load before a measurement: connections are open, batches are full. */
const WARM_UP_S = 0.5;

/** One kind alone, with a warm-up. `answered` counts also what was answered before and after the window. */
export async function measureAlone(
  kind: Kind,
  load: Load,
  seconds: number,
): Promise<{ window: Window; answered: number }> {
  const sending = startSending(kind, load);
  await delay(1000 * WARM_UP_S);
  const window = await sending.measure(seconds);
  return { window, answered: await sending.stop() };
}
