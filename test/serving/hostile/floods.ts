// Floods: callers whose requests are right in themselves, and too many, too late, taken back or never sent to their end.

import { connect as connectHttp2 } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { Client, type ClientUnaryCall, credentials, status } from "@grpc/grpc-js";
import { plainPng } from "../../../bench/serve/huge-pictures.js";
import { inference } from "../../../proto/generated/inference.js";
import { INFERENCE_SERVICE } from "../../../proto/services.js";
import { fromStatus } from "../../../proto/wire-error.js";
import { type Attack, type AttackedServer, headersOf, pictures } from "./attacks.js";

/** How many there are of each. */
export interface FloodSizes {
  canceled: number;
  late: number;
  urgent: number;
  streams: number;
  reloads: number;
  /** Calls that are not sent to their end. */
  trickled: number;
  /** Large pictures that are given up while they are decoded, and pixels of a side of theirs. */
  abandoned: number;
  side: number;
}

export const FULL_FLOODS: FloodSizes = {
  canceled: 1000,
  late: 200,
  urgent: 400,
  streams: 30,
  reloads: 200,
  trickled: 500,
  abandoned: 20,
  side: 8000,
};

const DEADLINE_MS = 60_000;
/** No batch of a busy machine takes so long. */
const LONG_MS = 3_600_000;
const STREAMED = 20;

type Methods = typeof INFERENCE_SERVICE;

function connect({ address }: AttackedServer): Client {
  return new Client(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_send_message_length": -1,
  });
}

/** `ok`, or the code of the error, of a call, which `begun` gets. */
function call<Name extends "ModelInfer" | "RepositoryModelLoad" | "RepositoryModelUnload">(
  client: Client,
  server: AttackedServer,
  name: Name,
  request: Parameters<Methods[Name]["requestSerialize"]>[0],
  begun: (call: ClientUnaryCall) => unknown = () => {},
  deadlineMs = DEADLINE_MS,
): Promise<string> {
  const method = INFERENCE_SERVICE[name];
  return new Promise((resolve) => {
    const started = client.makeUnaryRequest(
      method.path,
      method.requestSerialize as (value: unknown) => Buffer,
      method.responseDeserialize as (bytes: Buffer) => unknown,
      request,
      headersOf(server),
      { deadline: Date.now() + deadlineMs },
      (error) => resolve(error ? (fromStatus(error)?.code ?? status[error.code] ?? "unknown") : "ok"),
    );
    begun(started);
  });
}

const pixelsOf = ({ model, side }: AttackedServer, count = 1, parameters = {}) =>
  new inference.ModelInferRequest({
    modelName: `${model}:pixels`,
    inputs: [{ name: "pixels", datatype: "UINT8", shape: [count, side, side, 3] }],
    rawInputContents: [new Uint8Array(count * side * side * 3).fill(9)],
    parameters,
  });

/** The outcomes that there were, in order. */
const kinds = (outcomes: readonly string[]): string => [...new Set(outcomes)].sort().join(" ");

/** Calls that are sent and canceled together; what a request of almost all places gets right after that. */
async function cancelStorm(server: AttackedServer, count: number): Promise<string> {
  const clients = Array.from({ length: 10 }, () => connect(server));
  const calls: ClientUnaryCall[] = [];
  const outcomes = Array.from({ length: count }, (_, place) =>
    call(clients[place % 10] as Client, server, "ModelInfer", pixelsOf(server), (one) => calls.push(one)),
  );
  await delay(300);
  for (const one of calls) one.cancel();
  await Promise.all(outcomes);
  // As many as are allowed in a request, of nearly as many as may wait: they fit only where the places are free.
  const client = clients[0] as Client;
  const begun = (one: ClientUnaryCall) => calls.push(one);
  const next = call(client, server, "ModelInfer", pixelsOf(server, 200), begun, LONG_MS);
  const outcome = await Promise.race([next, delay(500, "places are free")]);
  calls.at(-1)?.cancel();
  await next;
  for (const client of clients) client.close();
  return outcome === "ok" ? "places are free" : outcome;
}

/** Calls by HTTP/2 itself, since clients of gRPC do not send deadlines that have passed. */
async function lateCalls(server: AttackedServer, count: number): Promise<string> {
  // Node's client ends streams of its own beyond 10 MB.
  const session = connectHttp2(`http://${server.address}`, { maxSessionMemory: 1_000 });
  session.on("error", () => {});
  const body = Buffer.from(inference.ModelInferRequest.encode(pixelsOf(server)).finish());
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  const one = (timeout: string): Promise<string> =>
    new Promise((resolve) => {
      const stream = session.request({
        ":method": "POST",
        ":path": INFERENCE_SERVICE.ModelInfer.path,
        "content-type": "application/grpc",
        te: "trailers",
        "grpc-timeout": timeout,
        ...(server.token && { authorization: `Bearer ${server.token}` }),
      });
      let code: string | undefined;
      const note = (headers: Record<string, unknown>) => {
        const number = headers["grpc-status"];
        if (number !== undefined) code = status[Number(number)] ?? "unknown";
      };
      stream.on("response", note).on("trailers", note);
      stream.on("error", () => {});
      stream.on("close", () => resolve(code ?? "no status")).resume();
      stream.end(Buffer.concat([head, body]));
    });
  const timeouts = ["0n", "0S", "1n", "-1S", "99999999999H", "soon"];
  const outcomes = await Promise.all(
    Array.from({ length: count }, (_, place) => one(timeouts[place % timeouts.length] as string)),
  );
  session.destroy();
  return kinds(outcomes);
}

/** Streams with more requests than are taken at once. */
async function streamFlood(server: AttackedServer, count: number): Promise<string> {
  const client = connect(server);
  const { path, requestSerialize, responseDeserialize } = INFERENCE_SERVICE.ModelStreamInfer;
  const message = inference.ModelInferRequest.encode(pixelsOf(server)).finish();
  const one = (): Promise<string[]> =>
    new Promise((resolve) => {
      const outcomes: string[] = [];
      const stream = client.makeBidiStreamRequest(
        path,
        requestSerialize as (value: unknown) => Buffer,
        responseDeserialize,
        headersOf(server),
        { deadline: Date.now() + DEADLINE_MS },
      );
      stream.on("data", ({ errorMessage }: { errorMessage: string }) =>
        outcomes.push(
          errorMessage === "" ? "ok" : (/^[a-z]+\/[a-z-]+/.exec(errorMessage)?.[0] ?? errorMessage),
        ),
      );
      stream.on("error", (error: { code: number }) => {
        outcomes.push(status[error.code] ?? "unknown");
        resolve(outcomes);
      });
      stream.on("end", () => resolve(outcomes));
      for (let sent = 0; sent < STREAMED; sent++) stream.write(message);
      stream.end();
    });
  const outcomes = (await Promise.all(Array.from({ length: count }, one))).flat();
  client.close();
  return kinds(outcomes);
}

/** Calls of which a byte comes now and then. */
async function trickle(server: AttackedServer, count: number): Promise<string> {
  const sessions = Array.from({ length: Math.ceil(count / 50) }, () =>
    connectHttp2(`http://${server.address}`),
  );
  for (const session of sessions) session.on("error", () => {});
  const streams = Array.from({ length: count }, (_, place) => {
    const session = sessions[place % sessions.length];
    const stream = session?.request({
      ":method": "POST",
      ":path": INFERENCE_SERVICE.ModelInfer.path,
      "content-type": "application/grpc",
      te: "trailers",
      ...(server.token && { authorization: `Bearer ${server.token}` }),
    });
    stream?.on("error", () => {});
    return stream;
  });
  const message = Buffer.concat([Buffer.from([0, 0, 0, 8, 0]), Buffer.alloc(100)]);
  for (let at = 0; at < 20; at++) {
    for (const stream of streams) stream?.write(message.subarray(at, at + 1));
    await delay(50);
  }
  const held = streams.filter((stream) => stream && !stream.closed).length;
  for (const session of sessions) session.destroy();
  return `${held} of ${count} held`;
}

/** Large pictures whose caller leaves in the middle of their decode, which ends the thread. */
async function giveUp(server: AttackedServer, count: number, side: number): Promise<string> {
  const client = connect(server);
  const request = inference.ModelInferRequest.decode(pictures(server.model, [plainPng(side, side)]));
  const outcomes: string[] = [];
  for (let picture = 0; picture < count; picture++) {
    const outcome = call(client, server, "ModelInfer", request, (one) => {
      // The first one before its decode; a fast machine has decoded the others before their caller leaves.
      setTimeout(() => one.cancel(), picture === 0 ? 1 : 50 + 20 * picture);
    });
    outcomes.push(await outcome);
  }
  client.close();
  return kinds(outcomes);
}

export function floods(sizes: FloodSizes): Attack[] {
  const burst = async (server: AttackedServer, count: number, priority: number): Promise<string> => {
    const client = connect(server);
    const request = pixelsOf(server, 1, { priority: { uint64Param: priority } });
    const outcomes = Array.from({ length: count }, () => call(client, server, "ModelInfer", request));
    const seen = kinds(await Promise.all(outcomes));
    client.close();
    return seen;
  };
  const reload = async (server: AttackedServer, count: number): Promise<string> => {
    const client = connect(server);
    const order = { repositoryName: "", modelName: server.spareModel ?? "" };
    const outcomes = Array.from({ length: count }, (_, place) =>
      call(
        client,
        server,
        place % 2 === 0 ? "RepositoryModelUnload" : "RepositoryModelLoad",
        (place % 2 === 0
          ? new inference.RepositoryModelUnloadRequest(order)
          : new inference.RepositoryModelLoadRequest(order)) as never,
      ),
    );
    const seen = kinds(await Promise.all(outcomes));
    client.close();
    return seen;
  };
  return [
    {
      name: "canceled calls",
      allowed: /^places are free$/,
      prepare: (server) => () => cancelStorm(server, sizes.canceled),
    },
    {
      name: "deadlines that passed",
      allowed: /^DEADLINE_EXCEEDED INVALID_ARGUMENT( OK)?( RESOURCE_EXHAUSTED)?$/,
      prepare: (server) => () => lateCalls(server, sizes.late),
    },
    {
      name: "urgent requests",
      allowed: /^(network\/(overloaded|queue-full) )*ok$/,
      prepare: (server) => () => burst(server, sizes.urgent, 1),
    },
    {
      name: "streams of requests",
      allowed: /^(network\/(overloaded|queue-full) )*ok$/,
      prepare: (server) => () => streamFlood(server, sizes.streams),
    },
    {
      name: "loads and unloads",
      allowed: /^network\/queue-full ok$/,
      prepare: (server) => () => reload(server, sizes.reloads),
    },
    {
      name: "trickled calls",
      allowed: / held$/,
      prepare: (server) => () => trickle(server, sizes.trickled),
    },
    {
      name: "pictures given up",
      allowed: /^(CANCELLED|network\/canceled)( ok)?$/,
      prepare: (server) => () => giveUp(server, sizes.abandoned, sizes.side),
    },
  ];
}
