// vitrine loadgen: what it sends to a server of the Open Inference Protocol and what it says of the answers.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { Command } from "commander";
import jpeg from "jpeg-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { configureLoadgen } from "../../bin/commands/loadgen.js";
import type { Level } from "../../bin/loadgen/report.js";
import { inference } from "../../proto/generated/inference.js";
import { INFERENCE_SERVICE } from "../../proto/services.js";
import { MAX_IMAGES, startRest } from "../http/rest-server.js";
import { addressOf, runCommand } from "../inference/run-command.js";
import { makeTinyModel, wavesJpeg } from "../inference/tiny-model.js";

interface Printed {
  model: string;
  version: string;
  payload: string;
  levels: Level[];
}

/** Short windows, which need not agree. */
const QUICK = ["--warm-up", "0", "--window", "0.15", "--max-windows", "3"];

/** A server that is not Vitrine's: it remembers what it was sent, and answers every third request with an error. */
const received: inference.ModelInferRequest[] = [];
const other = new Server({ "grpc.max_receive_message_length": -1 });
let address = "";

/** As if requests waited 2 ms, batches had 4 images, and what came before the measurement had taken an hour each. */
function statistics(): inference.ModelStatistics.$Properties {
  const count = received.length;
  const duration = (ms: number) => ({ count, ns: 3600e9 + count * ms * 1e6 });
  return {
    inferenceCount: 4 * count + 100,
    executionCount: count + 1,
    inferenceStats: {
      success: duration(9),
      queue: duration(2),
      computeInput: duration(1),
      computeInfer: duration(5),
      computeOutput: duration(0.5),
    },
  };
}

test.before(async () => {
  other.addService(INFERENCE_SERVICE, {
    ModelMetadata: (
      _call: unknown,
      answer: (error: null, response: inference.ModelMetadataResponse) => void,
    ) =>
      answer(
        null,
        inference.ModelMetadataResponse.create({
          name: "other",
          versions: ["3", "7"],
          inputs: [
            { name: "values", datatype: "FP32", shape: [-1, 3, 4, 4] },
            { name: "file", datatype: "BYTES", shape: [-1] },
            { name: "words", datatype: "STRING", shape: [-1] },
            { name: "open", datatype: "FP32", shape: [-1, 3, -1, -1] },
          ],
        }),
      ),
    ModelInfer: (
      { request }: { request: Uint8Array },
      answer: (error: object | null, response?: inference.ModelInferResponse) => void,
    ) => {
      received.push(inference.ModelInferRequest.decode(request));
      if (received.length % 3 === 0) answer({ code: status.RESOURCE_EXHAUSTED, details: "full" });
      else answer(null, inference.ModelInferResponse.create({}));
    },
    ModelStatistics: (
      _call: unknown,
      answer: (error: null, response: inference.ModelStatisticsResponse) => void,
    ) => answer(null, inference.ModelStatisticsResponse.create({ modelStats: [statistics()] })),
  } as never);
  address = await new Promise((resolve, reject) =>
    other.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(`127.0.0.1:${port}`),
    ),
  );
});

test.after(() => other.forceShutdown());

interface Ended {
  status: number | string;
  stdout: string;
  stderr: string;
}

/** The command in this process, which writes where the test reads: a process for each call would take most of its time. */
async function run(...args: string[]): Promise<Ended> {
  const command = new Command("loadgen").exitOverride();
  configureLoadgen(command);
  const written = { stdout: "", stderr: "" };
  const streams = ["stdout", "stderr"] as const;
  const writes = streams.map((stream) => process[stream].write);
  for (const stream of streams)
    process[stream].write = ((text: string) => {
      written[stream] += text;
      return true;
    }) as typeof process.stdout.write;
  try {
    await command.parseAsync(args, { from: "user" });
    return { status: Number(process.exitCode ?? 0), ...written };
  } finally {
    for (const [place, stream] of streams.entries()) process[stream].write = writes[place] as never;
    process.exitCode = 0;
  }
}

async function runProcess(...args: string[]): Promise<Ended> {
  const command = runCommand("loadgen", ...args);
  const status = await command.ended;
  return { status, ...command.output() };
}

async function json(...args: string[]): Promise<Printed> {
  const { status, stdout, stderr } = await run(...args, "--json", ...QUICK);
  assert.equal([status, stderr], [0, ""]);
  return JSON.parse(stdout);
}

test("another server's model gets its first input with random numbers, and errors are counted by their status", async () => {
  received.length = 0;
  const { model, version, levels } = await json(
    address,
    "--model",
    "other",
    "--batch",
    "2",
    "--concurrency",
    "1,3",
  );
  assert.equal([model, version], ["other", "7"]);
  assert.equal(
    levels.map(({ concurrency }) => concurrency),
    [1, 3],
  );
  for (const { answered, failed, errors, latencyMs, failureMs, imagesPerSecond, seconds } of levels) {
    assert.equal(errors, { RESOURCE_EXHAUSTED: failed });
    assert.ok(answered > 0 && failed > 0);
    assert.ok(Math.abs(imagesPerSecond - (2 * answered) / seconds) < 1e-9);
    assert.ok(latencyMs && latencyMs.p50 <= latencyMs.p99 && latencyMs.p99 <= latencyMs.max);
    assert.ok(failureMs);
  }
  const [first] = received;
  assert.is(first?.modelName, "other");
  assert.is(first?.inputs[0]?.name, "values");
  assert.equal(first?.inputs[0]?.shape, [2, 3, 4, 4]);
  const raw = first!.rawInputContents[0]!;
  const floats = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
  assert.is(floats.length, 2 * 3 * 4 * 4);
  assert.ok(floats.every((value) => value >= 0 && value < 1));
  assert.ok(
    new Set(received.map(({ rawInputContents }) => rawInputContents[0]!.join())).size > 1,
    "not one alone",
  );
});

test("an input of pictures gets the files of a folder, or drawn JPEGs", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-"));
  try {
    const files = [1, 2, 3].map((seed) => wavesJpeg(seed));
    for (const [i, file] of files.entries()) writeFileSync(join(folder, `${i}.jpg`), file);
    writeFileSync(join(folder, "notes.txt"), "no picture");
    received.length = 0;
    const options = ["--input", "file", "--rate", "100"];
    const { payload } = await json(address, ...options, "--pictures", folder);
    assert.match(payload, /^3 pictures/);
    const sent = new Set(received.map(({ rawInputContents: [raw] }) => raw!.subarray(4).join()));
    assert.equal(sent, new Set(files.map((file) => new Uint8Array(file).join())));
    received.length = 0;
    await json(address, ...options, "--batch", "2");
    const raw = received[0]!.rawInputContents[0]!;
    const length = new DataView(raw.buffer, raw.byteOffset).getUint32(0, true);
    const { width, height } = jpeg.decode(raw.subarray(4, 4 + length));
    assert.equal([width, height], [500, 375]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the server's own split is that of the requests of the measurement", async () => {
  const { levels } = await json(address, "--concurrency", "2");
  const split = levels[0]?.server;
  assert.ok(split);
  const rounded = Object.entries(split).map(([name, value]) => [name, Number(value.toFixed(6))]);
  assert.equal(Object.fromEntries(rounded), {
    ...{ queueMs: 2, inputMs: 1, computeMs: 5, outputMs: 0.5, batchImages: 4 },
  });
});

test("over HTTP: binary tensors are sent, answers are counted, and errors by the server's code", async () => {
  const rest = await startRest();
  try {
    const { model, levels } = await json(
      rest.url,
      "--model",
      "colors:pixels",
      "--batch",
      "2",
      "--concurrency",
      "3",
    );
    assert.is(model, "colors:pixels");
    assert.equal([levels[0]?.failed, (levels[0]?.answered ?? 0) > 0], [0, true]);
    const { levels: refused } = await json(
      rest.url,
      "--model",
      "colors:pixels",
      "--batch",
      String(MAX_IMAGES + 1),
    );
    assert.is(refused[0]?.answered, 0);
    assert.match(Object.keys(refused[0]!.errors).join(), /^protocol\/[a-z-]+$/);
    assert.match((await run(rest.url, "--model", "nope", ...QUICK)).stderr, /network\/http: .*404.*no model/);
  } finally {
    await rest.close();
  }
});

test("the table has 80 columns at most, with a line for each level and for its errors", async () => {
  const { status, stdout } = await run(address, "--concurrency", "2,4", ...QUICK);
  assert.is(status, 0);
  const lines = stdout.trimEnd().split("\n");
  for (const line of lines) assert.ok(line.length <= 80, line);
  assert.match(stdout, /^model other 7 at 127\.0\.0\.1:\d+ \(grpc\)$/m);
  assert.is(lines.filter((line) => /^ +[24]~? +\d/.test(line)).length, 2);
  const split = /^ +server: queue 2\.0, input 1\.0, compute 5\.0, output 0\.5 ms; 4\.0 images a batch$/;
  assert.is(lines.filter((line) => split.test(line)).length, 2);
  assert.is(lines.filter((line) => /errors: RESOURCE_EXHAUSTED \d+/.test(line)).length, 2);
});

test("vitrine serve: its own codes are counted, and a deadline is kept", async () => {
  const tiny = makeTinyModel();
  const server = runCommand("serve", "--model", tiny.folder, "--listen", "127.0.0.1:0", "--device", "wasm");
  try {
    const served = await addressOf(server);
    const { model, levels } = await json(served, "--concurrency", "2");
    assert.is(model, "tiny");
    assert.equal([levels[0]?.failed, (levels[0]?.answered ?? 0) > 0], [0, true]);
    const hurried = await json(served, "--concurrency", "1", "--batch", "200", "--deadline", "1");
    assert.ok(
      Object.keys(hurried.levels[0]!.errors).some((code) => /deadline|DEADLINE|overloaded/i.test(code)),
    );
  } finally {
    server.child.kill("SIGKILL");
    tiny.remove();
  }
});

test("what cannot be measured is said on one line", async () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await run(...args);
    assert.equal([status, stdout, stderr.trimEnd().split("\n").length], [1, "", 1], stderr);
    return stderr;
  };
  const ended = await runProcess("127.0.0.1:1", ...QUICK);
  assert.equal([ended.status, ended.stdout], [1, ""]);
  assert.match(ended.stderr, /^vitrine: network\/\S+: .*127\.0\.0\.1:1[^\n]*\n$/);
  assert.match(await refused(address, "--input", "nope"), /no input "nope".*"values", "file"/);
  assert.match(await refused(address, "--input", "words"), /datatype "STRING"; allowed: BYTES, BOOL/);
  assert.match(await refused(address, "--input", "open"), /shape \[-1, 3, -1, -1\]; allowed/);
  assert.match(
    await refused(address, "--rate", "5", "--concurrency", "2"),
    /one of --concurrency and --rate/,
  );
  assert.match(
    await refused(address, "--input", "file", "--pictures", "/nowhere"),
    /^vitrine: file\/not-found/,
  );
});

test.run();
