// Served: photographs through a running inference server, over gRPC and REST, compared with the classes that PyTorch
// gives. Whatever is between a file and its label is part of it: decoding, resizing, the model, both protocols.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { connectInference } from "../../client/node/inference-client.js";
import { isVitrineError, VitrineError } from "../../runtime/errors.js";
import { addressOf, runCommand } from "../inference/run-command.js";

/** A photograph with PyTorch's five most probable classes, best first, and the right one. */
export interface ExpectedRow {
  file: string;
  label: number;
  top5: number[];
}

export interface ServedReport {
  protocol: "gRPC" | "REST";
  photographs: number;
  /** Photographs with PyTorch's five classes in its order. */
  same: number;
  /** Photographs whose right class is the first, and among the first five. */
  top1: number;
  top5: number;
  failures: { file: string; want: number[]; got: number[] }[];
}

/** `read`: the five classes that a server gives for a file, best first. */
async function compareServed(
  protocol: ServedReport["protocol"],
  rows: readonly ExpectedRow[],
  read: (file: string) => Promise<number[]>,
): Promise<ServedReport> {
  const report: ServedReport = { protocol, photographs: 0, same: 0, top1: 0, top5: 0, failures: [] };
  for (const { file, label, top5 } of rows) {
    const got = await read(file);
    report.photographs++;
    if (got[0] === label) report.top1++;
    if (got.includes(label)) report.top5++;
    if (got.join() === top5.join()) report.same++;
    else report.failures.push({ file, want: top5, got });
  }
  return report;
}

/** Both protocols of one server. `address`: of gRPC; `http`: such as `http://127.0.0.1:8000`. */
export async function askBoth(
  { address, http, model }: { address: string; http: string; model: string },
  root: string,
  rows: readonly ExpectedRow[],
): Promise<ServedReport[]> {
  const client = connectInference(address, { model });
  const overGrpc = async (file: string): Promise<number[]> => {
    const image = {
      name: "image",
      datatype: "BYTES" as const,
      shape: [1],
      data: [readFileSync(join(root, file))],
    };
    const answer = await client.infer([image], { outputs: ["label_indices"], topK: 5 });
    const { data = [] } = answer.get("label_indices") ?? {};
    return Array.from(data as Int32Array);
  };
  const overRest = async (file: string): Promise<number[]> => {
    const body = readFileSync(join(root, file));
    const response = await fetch(`${http}/v2/models/${model}/classify?top_k=5`, { method: "POST", body });
    const { predictions } = (await response.json()) as { predictions: { index: number }[][] };
    return predictions[0]?.map(({ index }) => index) ?? [];
  };
  try {
    return [await compareServed("gRPC", rows, overGrpc), await compareServed("REST", rows, overRest)];
  } finally {
    client.close();
  }
}

function readRows(path: string): ExpectedRow[] {
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as ExpectedRow);
}

interface ServedOptions {
  root: string;
  expected: string;
  model: string;
  device: string;
  json?: boolean;
}

async function serveAndCompare({ root, expected, model, device, json }: ServedOptions): Promise<void> {
  const server = runCommand(
    "serve",
    "--model",
    `photos=${model}`,
    "--listen",
    "127.0.0.1:0",
    "--device",
    device,
  );
  try {
    const address = await addressOf(server);
    const http = /^http on (\S+)$/m.exec(server.output().stdout)?.[1];
    if (http === undefined) throw new VitrineError("internal/unexpected", "the server has no HTTP port");
    const reports = await askBoth({ address, http, model: "photos" }, root, readRows(expected));
    for (const { protocol, photographs, same, top1, top5, failures } of reports) {
      for (const { file, want, got } of failures) console.log(`failed: ${file}: ${got} for ${want}`);
      console.log(
        `${protocol}: PyTorch's five classes on ${same} of ${photographs}; the right one first on ${top1}, among five on ${top5}`,
      );
      if (failures.length > 0 || photographs === 0) process.exitCode = 1;
    }
    if (json) console.log(JSON.stringify({ reports }));
  } catch (error) {
    if (isVitrineError(error)) console.error(server.output().stderr);
    throw error;
  } finally {
    server.child.kill("SIGTERM");
    await server.ended;
  }
}

export function registerServed(program: Command): void {
  program
    .command("served")
    .description(
      "classify photographs by a running server, over gRPC and REST, and compare with PyTorch's classes",
    )
    .requiredOption("--root <folder>", "folder of the photographs")
    .requiredOption("--expected <file>", "JSON lines: file, label, top5")
    .requiredOption("--model <path>", "model folder or weight file")
    .option("--device <device>", "as of vitrine serve", "wasm")
    .option("--json", "end with one line of JSON")
    .action(serveAndCompare);
}
