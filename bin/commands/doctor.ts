// vitrine doctor: what this machine computes with, and what `--device auto` would take.

import type { Command } from "commander";
import { createRuntime } from "../../runtime/create-runtime.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import type { Host } from "../../runtime/host/host.js";
import { nodeHost } from "../../runtime/host/node.js";
import { action, printJson } from "../command-line.js";
import { adapterFacts } from "../doctor/adapters.js";
import { coreFacts } from "../doctor/cores.js";
import { engineFacts } from "../doctor/engine.js";
import { memoryFacts } from "../doctor/memory.js";
import { type Findings, reportLines } from "../doctor/report.js";
import { packageVersion } from "../package-version.js";

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
    auto: await automatic(host),
  };
  if (json) printJson(findings);
  else for (const line of reportLines(findings)) process.stdout.write(`${line}\n`);
}

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("say what this machine computes with, and what --device auto would take")
    .option("--json", "one line of JSON")
    .action(action(examine));
}
