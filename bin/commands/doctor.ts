// vitrine doctor: the CPU, memory and GPUs of this machine, and what `--device auto` chooses.

import type { Command } from "commander";
import { createRuntime } from "../../runtime/create-runtime.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import type { Host } from "../../runtime/host/host.js";
import { nodeHost } from "../../runtime/host/node.js";
import { s3PackageVersion } from "../../server/data/remote/s3-client.js";
import { action, packageVersion, printJson, withExamples } from "../command-line.js";
import { adapterFacts, coreFacts, engineFacts, memoryFacts } from "../doctor/facts.js";
import { type Findings, reportLines } from "../doctor/report.js";

async function wasmFindings(host: Host): Promise<Pick<Findings, "calibration" | "wasm" | "memory">> {
  const executor = await createWasmExecutor(host, { threads: "auto" });
  const { calibration = [], description, capabilities } = executor;
  const findings = { calibration, wasm: description, memory: memoryFacts(capabilities) };
  await executor.dispose();
  return findings;
}

async function automatic(host: Host): Promise<Findings["auto"]> {
  const runtime = await createRuntime({ host, device: "auto", threads: "auto", trains: true });
  const { description, executor } = runtime;
  const { device } = executor;
  await runtime.dispose();
  return { device, description };
}

async function examine({ json }: { json?: boolean }): Promise<void> {
  const host = nodeHost();
  const findings: Findings = {
    vitrine: packageVersion(),
    engine: await engineFacts(host),
    cores: coreFacts(host),
    ...(await wasmFindings(host)),
    adapters: await adapterFacts(host),
    s3: s3PackageVersion(),
    auto: await automatic(host),
  };
  if (json) printJson(findings);
  else for (const line of reportLines(findings)) process.stdout.write(`${line}\n`);
}

export function configureDoctor(command: Command): void {
  command.option("--json", "print one line of JSON").action(action(examine));
  withExamples(command, [
    ["as text", "vitrine doctor"],
    ["the device that --device auto chooses", "vitrine doctor --json | jq .auto.device"],
  ]);
}
