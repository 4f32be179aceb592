// Attacks: requests and connections that cost a server much more than they cost who sends them, each with the errors that
// may be the answer.

import { connect, type Socket } from "node:net";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { plainJpeg, plainPng } from "../../../bench/serve/huge-pictures.js";
import { inference } from "../../../proto/generated/inference.js";
import { INFERENCE_SERVICE } from "../../../proto/services.js";
import { fromStatus } from "../../../proto/wire-error.js";

export interface AttackedServer {
  /** HOST:PORT of gRPC. */
  address: string;
  /** Its model, and the side of its input. */
  model: string;
  side: number;
  /** Of the attacker, where the server asks for one: it is then told apart from other clients. */
  token?: string;
  /** A model that may be unloaded and loaded. */
  spareModel?: string;
}

export function headersOf({ token }: Pick<AttackedServer, "token">): Metadata {
  const headers = new Metadata();
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  return headers;
}

/** How large the attacks are. */
export interface AttackSizes {
  /** That a small PNG expands to. */
  bombBytes: number;
  /** Pixels of a side of a picture. */
  side: number;
  /** Pictures of one request. */
  elements: number;
  emptyElements: number;
  outputs: number;
  connections: number;
}

export const FULL_SIZES: AttackSizes = {
  bombBytes: 2 ** 29,
  side: 8000,
  elements: 5000,
  emptyElements: 15_000_000,
  outputs: 100_000,
  connections: 5000,
};

export interface Attack {
  name: string;
  /** What the outcome may be: `ok`, a code, or what became of connections. */
  allowed: RegExp;
  /** Makes what is sent, which may take longer than the attack. The returned function resolves with the outcome. */
  prepare(server: AttackedServer): () => Promise<string>;
}

const DEADLINE_MS = 120_000;

/** Sends the bytes of a ModelInfer message over a connection of its own. */
function send(server: AttackedServer, message: Uint8Array, options: object = {}): Promise<string> {
  const client = new Client(server.address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_send_message_length": -1,
    ...options,
  });
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      INFERENCE_SERVICE.ModelInfer.path,
      (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
      (bytes: Buffer) => bytes,
      message,
      headersOf(server),
      { deadline: Date.now() + DEADLINE_MS },
      (error) => {
        client.close();
        resolve(error ? (fromStatus(error)?.code ?? status[error.code] ?? "unknown") : "ok");
      },
    );
  });
}

const { ModelInferRequest } = inference;
type Fields = inference.ModelInferRequest.$Properties;

const encoded = (fields: Fields): Uint8Array =>
  ModelInferRequest.encode(ModelInferRequest.create(fields)).finish();

/** Each element after its length. */
function packed(elements: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    elements.flatMap((element) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(element.length);
      return [length, element];
    }),
  );
}

export const pictures = (model: string, files: readonly Uint8Array[], more: Fields = {}): Uint8Array =>
  encoded({
    modelName: model,
    inputs: [{ name: "image", datatype: "BYTES", shape: [files.length] }],
    rawInputContents: [packed(files)],
    ...more,
  });

/** A field of a message whose contents are bytes. */
function field(number: number, bytes: Uint8Array): Buffer {
  const head = [number * 8 + 2];
  let length = bytes.length;
  for (; length > 127; length = Math.floor(length / 128)) head.push((length % 128) + 128);
  return Buffer.concat([Buffer.from([...head, length]), bytes]);
}

/** `count` empty elements as a repeated field, two bytes each. */
function typedEmptyElements(model: string, count: number): Uint8Array {
  const { InferInputTensor } = ModelInferRequest;
  const header = InferInputTensor.encode({ name: "image", datatype: "BYTES", shape: [count] }).finish();
  // InferTensorContents.bytes_contents = 8, in InferInputTensor.contents = 5, in ModelInferRequest.inputs = 5.
  const contents = Buffer.alloc(2 * count, Buffer.from([8 * 8 + 2, 0]));
  return Buffer.concat([
    encoded({ modelName: model }),
    field(5, Buffer.concat([header, field(5, contents)])),
  ]);
}

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** HEADERS of 16 KB on stream 1, of which ten bytes come. */
const HALF_HEADERS = Buffer.concat([Buffer.from([0, 0x40, 0, 1, 4, 0, 0, 0, 1]), Buffer.alloc(10)]);

/** Servers limit what one address may have: it is another than the other client's, as it would be on a network. */
const ATTACKER = process.platform === "linux" ? { localAddress: "127.0.0.2" } : {};

/** Connections that send `bytes` and then nothing, for a second. */
async function hold({ address }: AttackedServer, count: number, bytes: Uint8Array): Promise<string> {
  const colon = address.lastIndexOf(":");
  const [host, port] = [address.slice(0, colon), Number(address.slice(colon + 1))];
  const sockets: Socket[] = [];
  let [open, ended] = [0, 0];
  for (let i = 0; i < count; i++) {
    const socket = connect({ port, host, ...ATTACKER });
    sockets.push(socket);
    socket.on("error", () => {});
    socket.on("close", () => ended++);
    socket.resume();
    await new Promise<void>((resolve) => {
      socket.once("connect", () => {
        open++;
        socket.write(bytes);
        resolve();
      });
      socket.once("close", () => resolve());
    });
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const outcome = `${open - ended} of ${count} held`;
  for (const socket of sockets) socket.destroy();
  return outcome;
}

/** A picture of one pixel. */
const DOT = plainPng(1, 1);

const REFUSED = /^protocol\/(tensor|malformed|message-size|parameter)$/;
const PICTURE =
  /^(ok|image\/(corrupt|truncated|too-large|decode-timeout|out-of-memory)|jpeg\/(corrupt|truncated))$/;

export function attacks(sizes: AttackSizes): Attack[] {
  const { bombBytes, side, elements, emptyElements, outputs, connections } = sizes;
  const infer = (name: string, allowed: RegExp, message: (model: string) => Uint8Array): Attack => ({
    name,
    allowed,
    prepare: (server) => {
      const bytes = message(server.model);
      return () => send(server, bytes);
    },
  });
  const picture = (name: string, make: () => Uint8Array): Attack =>
    infer(name, PICTURE, (model) => pictures(model, [make()]));
  return [
    picture("zlib bomb", () => plainPng(64, 64, { expandedBytes: bombBytes })),
    picture("zlib bomb, interlaced", () => plainPng(64, 64, { expandedBytes: bombBytes, interlaced: true })),
    picture("large JPEG", () => plainJpeg(side, side)),
    picture("large PNG", () => plainPng(side, side)),
    picture("large PNG without data", () => plainPng(side, side, { expandedBytes: 100 })),
    picture("half a large JPEG", () => plainJpeg(side, side).subarray(0, 20_000)),
    infer("many pictures", REFUSED, (model) => pictures(model, Array(elements).fill(DOT))),
    infer("empty elements, raw", REFUSED, (model) =>
      encoded({
        modelName: model,
        inputs: [{ name: "image", datatype: "BYTES", shape: [emptyElements] }],
        rawInputContents: [new Uint8Array(4 * emptyElements)],
      }),
    ),
    infer("empty elements, typed", REFUSED, (model) => typedEmptyElements(model, emptyElements)),
    infer("equal outputs", REFUSED, (model) =>
      pictures(model, [DOT], { outputs: Array(outputs).fill({ name: "logits" }) }),
    ),
    infer("long name of a model", /^protocol\/unknown-model$/, () => pictures("€".repeat(3000), [DOT])),
    infer("long name of an output", REFUSED, (model) =>
      pictures(model, [DOT], { outputs: [{ name: "€".repeat(3000) }] }),
    ),
    infer("many axes", REFUSED, (model) =>
      encoded({
        modelName: model,
        inputs: [{ name: "image", datatype: "BYTES", shape: Array(100_000).fill(1) }],
        rawInputContents: [packed([DOT])],
      }),
    ),
    {
      name: "compressed zeros",
      allowed: REFUSED,
      prepare: (server) => {
        const zeros = new Uint8Array(4 * emptyElements + 2 ** 23);
        const bytes = encoded({ modelName: server.model, rawInputContents: [zeros] });
        return () => send(server, bytes, { "grpc.default_compression_algorithm": 2 });
      },
    },
    {
      name: "idle connections",
      allowed: / held$/,
      prepare: (server) => () => hold(server, connections, Buffer.concat([PREFACE, SETTINGS])),
    },
    {
      name: "half frames",
      allowed: / held$/,
      prepare: (server) => () =>
        hold(server, Math.ceil(connections / 10), Buffer.concat([PREFACE, SETTINGS, HALF_HEADERS])),
    },
    {
      name: "bytes of nothing",
      allowed: / held$/,
      prepare: (server) => () => hold(server, Math.ceil(connections / 10), Buffer.alloc(5000, 255)),
    },
  ];
}
