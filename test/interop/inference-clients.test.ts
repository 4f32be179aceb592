// Interoperation: Python's gRPC, with stubs that protoc makes from our proto files, calls the inference service as the
// clients of Triton and KServe do, as image_client, and as tools that know a service only by reflection.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HEALTH_SERVICE, REFLECTION_SERVICES } from "../../proto/services.js";
import { createHealth } from "../../server/health.js";
import { EXTENSIONS } from "../../server/inference/protocol/protocol-facts.js";
import { createReflection } from "../../server/reflection.js";
import { type ReportingService, reportingService } from "../inference/reporting-service.js";

/** Compiled to dist/test/interop/; the sources are beside it. */
const fromSources = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const SCRIPT = fromSources("test/interop/inference_clients.py");
const PROTO = fromSources("proto");

/** Debian's own Python has Debian's grpcio. */
const FIND = "import grpc, google.protobuf";
const PYTHON = ["/usr/bin/python3", "python3"].find((python) => spawnSync(python, ["-c", FIND]).status === 0);
const PLUGIN = spawnSync("which", ["grpc_python_plugin"], { encoding: "utf8" }).stdout?.trim();
const hasProtoc = spawnSync("protoc", ["--version"]).status === 0;

interface Step {
  step: string;
  value?: unknown;
  status?: string;
  text?: string;
}

function makeStubs(folder: string): void {
  const files = readdirSync(PROTO).filter((name) => name.endsWith(".proto") && name !== "data.proto");
  const plugin = `--plugin=protoc-gen-grpc_python=${PLUGIN}`;
  const options = [`-I${PROTO}`, `--python_out=${folder}`, `--grpc_python_out=${folder}`, plugin];
  const { status, stderr } = spawnSync("protoc", [...options, ...files], { encoding: "utf8" });
  assert.is(status, 0, stderr);
}

/** What it prints; the stubs are in its folder. */
function runPython(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(PYTHON as string, args, { cwd: folder, timeout: 120_000 });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text) => (stdout += text));
    child.stderr.on("data", (text) => (stderr += text));
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(stdout);
      else reject(new Error(`${stdout}\n${stderr}`));
    });
  });
}

async function runClients(): Promise<Map<string, Step>> {
  const lines = (await runPython([SCRIPT, folder, address])).trim().split("\n");
  const steps = lines.map((line) => JSON.parse(line) as Step);
  return new Map(steps.map((step) => [step.step, step]));
}

const folder = mkdtempSync(join(tmpdir(), "vitrine-interop-"));
let address = "";
let service: ReportingService | undefined;
let steps = new Map<string, Step>();

const value = (name: string): never => {
  const step = steps.get(name);
  assert.ok(step && "value" in step, `${name}: ${JSON.stringify(step)}`);
  return step?.value as never;
};
const values = (...names: string[]) => names.map(value);
const refusal = (name: string): string => {
  const { status, text } = steps.get(name) ?? {};
  return `${status} ${text}`;
};

async function start(): Promise<void> {
  makeStubs(folder);
  const calls = {
    arrived: () => ({ requestId: "made", answered: () => {}, failed: () => {} }),
  };
  service = reportingService(calls);
  const health = createHealth(["inference.GRPCInferenceService"]);
  health.setModels(
    new Map([
      ["colors", true],
      ["next", false],
    ]),
  );
  health.setServing(true);
  service.server.addService(HEALTH_SERVICE, health.handlers);
  const names = ["inference.GRPCInferenceService", "grpc.health.v1.Health"];
  for (const definition of REFLECTION_SERVICES)
    service.server.addService(definition, createReflection(names));
  address = await service.listen();
  steps = await runClients();
}

function stop(): void {
  service?.server.forceShutdown();
  rmSync(folder, { recursive: true });
}

function registerTests(): void {
  test.before(start);
  test.after(stop);

  test("Triton's client learns of server and models", () => {
    assert.equal(values("live", "ready", "model ready colors", "model ready sounds"), [
      true,
      true,
      true,
      false,
    ]);
    assert.equal(value("extensions"), [...EXTENSIONS]);
    assert.equal(value("index"), [
      ["colors", "3", "READY"],
      ["next", "1", "LOADING"],
    ]);
  });

  test("Triton's client gets logits, classification and labels, alone, compressed and in parallel", () => {
    const logits = { datatype: "FP32", shape: [2, 3], values: [9, 8, 7, 1, 2, 3] };
    assert.equal(value("infer"), { id: "seven", version: "3", logits });
    assert.equal(value("infer compressed"), value("infer"));
    const { logits: classes, probabilities } = value("classification") as Record<
      string,
      { values: string[] }
    >;
    assert.equal(classes, {
      datatype: "BYTES",
      shape: [2, 2],
      values: ["9.000000:0:red", "8.000000:1:green", "3.000000:2:blue", "2.000000:1:green"],
    });
    assert.match(probabilities!.values[0]!, /^0\.665241:0:red$/);
    assert.equal((value("labels") as { labels: object }).labels, {
      datatype: "BYTES",
      shape: [2, 1],
      values: ["red", "blue"],
    });
    assert.equal(value("async"), new Array(8).fill("seven"));
  });

  test("what Triton has and Vitrine has not is refused by its name, never ignored", () => {
    assert.match(refusal("sequence"), /^UNIMPLEMENTED .*"sequence_/);
    assert.match(refusal("shared memory input"), /^UNIMPLEMENTED .*"shared_memory_region" of input "image"/);
    assert.match(refusal("shared memory register"), /^UNIMPLEMENTED protocol\/unimplemented/);
    assert.match(refusal("trace setting"), /^UNIMPLEMENTED protocol\/unimplemented/);
    assert.match(refusal("unknown parameter"), /^INVALID_ARGUMENT .*"own_parameter"/);
    assert.is(value("shared memory regions"), 0);
  });

  test("an error about a name of 3,000 three-byte characters arrives with its status", () => {
    assert.match(refusal("long name"), /^NOT_FOUND protocol\/unknown-model: no model "€€/);
  });

  test("models are loaded and unloaded by Triton's client and by KServe's", () => {
    assert.equal(values("load", "unload"), [true, true]);
    assert.match(refusal("load broken"), /^FAILED_PRECONDITION protocol\/model-control/);
    assert.equal(value("kserve load"), ["colors", true]);
    assert.equal(service?.orders, ["load colors", "unload colors", "load colors"]);
  });

  test("perf_analyzer's statistics are there: counts and nanoseconds of each part", () => {
    const { inference_stats: stats, ...model } = value("statistics") as Record<string, unknown>;
    assert.is(model.name, "colors");
    const { success, queue, compute_infer: compute } = stats as Record<string, { count: string; ns: string }>;
    assert.ok(Number(success!.count) >= 12);
    assert.is(Number(queue!.ns) / Number(queue!.count), 1e6);
    assert.is(Number(compute!.ns) / Number(compute!.count), 3e6);
  });

  test("a stream of Triton's client is answered in order, and an error ends only its request", () => {
    const responses = value("stream") as [
      id: string,
      error: string,
      logits: number[] | null,
      final: boolean,
    ][];
    assert.equal(
      responses.map(([id]) => id),
      Array.from({ length: 20 }, (_, place) => `${place}`),
    );
    responses.forEach(([, error, logits, final], place) => {
      assert.is(final, true);
      if (place === 5) assert.match(error, /^jpeg\/not-jpeg/);
      else assert.equal([error, logits], ["", [place, 0, 0]]);
    });
  });

  test("image_client classifies by metadata and configuration alone: pixels", () => {
    assert.equal(value("image client pixels"), [
      ["0", "red"],
      ["2", "blue"],
    ]);
  });

  test("KServe's client: raw contents with their size, typed contents under its name for an input", () => {
    assert.equal(values("kserve live", "kserve model"), [true, false]);
    assert.equal(value("kserve raw"), [9, 8, 7, 1, 2, 3]);
    assert.equal(value("kserve typed"), ["red", "green", "blue"]);
  });

  test("health: each service and model by name, unknown ones as the protocol says, and all in a list", () => {
    const listed = {
      "": "SERVING",
      "inference.GRPCInferenceService": "SERVING",
      "grpc.health.v1.Health": "SERVING",
      colors: "SERVING",
      next: "NOT_SERVING",
    };
    assert.equal(value("health list"), listed);
    for (const name of ["", "colors", "next", "grpc.health.v1.Health"] as const)
      assert.is(value(`health ${name}`), listed[name]);
    assert.match(refusal("health sounds"), /^NOT_FOUND .*"sounds"/);
    assert.is(value("health watch"), "SERVICE_UNKNOWN");
  });

  test("the Python example of docs/serving.md prints the labels of a picture", async () => {
    const page = readFileSync(fromSources("docs/serving.md"), "utf8");
    const examples = [...page.matchAll(/```python\n(.*?)```/gs)].map(([, code]) => code!);
    const [example] = examples.filter((code) => code.includes("inference_pb2"));
    assert.ok(example?.includes("127.0.0.1:8001") && example.includes('"best"'));
    writeFileSync(join(folder, "photo.jpg"), Uint8Array.of(1, 2, 9));
    const code = example.replace("127.0.0.1:8001", address).replace('"best"', '"colors"');
    const printed = await runPython(["-c", code]);
    assert.is(printed.trim(), "[b'blue', b'green', b'red']");
  });

  test("reflection: a tool that knows no proto file lists the services and calls one", () => {
    for (const version of ["v1", "v1alpha"])
      assert.equal(value(`reflection ${version}`), [
        [
          "grpc.health.v1.Health",
          "grpc.reflection.v1.ServerReflection",
          "grpc.reflection.v1alpha.ServerReflection",
          "inference.GRPCInferenceService",
        ],
        true,
      ]);
  });
}

if (PYTHON && PLUGIN && hasProtoc) registerTests();
else {
  rmSync(folder, { recursive: true });
  console.log(
    "skipped: Python's gRPC clients (python3-grpcio, protobuf-compiler or protobuf-compiler-grpc is missing)",
  );
}

test.run();
