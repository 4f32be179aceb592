// vitrine doctor: the CPU, memory and GPUs of this machine, and what `--device auto` chooses; or how fast each stage of
// the data is.

import type { Command } from "commander";
import { createRuntime } from "../../runtime/create-runtime.js";
import { DEIT_RECIPE } from "../../runtime/draw/recipe.js";
import { createWasmExecutor } from "../../runtime/executors/wasm/executor.js";
import type { Host } from "../../runtime/host/host.js";
import { nodeHost } from "../../runtime/host/node.js";
import { entryAt } from "../../runtime/host/node-files.js";
import { openDatasetInThread } from "../../server/data/open-in-thread.js";
import { s3PackageVersion } from "../../server/data/remote/s3-client.js";
import { action, packageVersion, printJson, withExamples } from "../command-line.js";
import { bottleneckOf, dataReportLines, serverReportLines } from "../doctor/data-report.js";
import { measureData, measureServer } from "../doctor/data-stages.js";
import { adapterFacts, coreFacts, engineFacts, memoryFacts } from "../doctor/facts.js";
import { type Findings, reportLines } from "../doctor/report.js";
import { listingReport } from "../listing-report.js";
import { decimalNumber, wholeNumber, workersOption } from "../options.js";
import { addRemoteOptions, type RemoteFlags, remoteSettings } from "../remote-options.js";
import { addConnectionSecurity, type ConnectionFlags, connectionSecurity } from "../security-options.js";

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

interface DoctorFlags extends ConnectionFlags, RemoteFlags {
  data?: string;
  workers: number;
  seconds: number;
  batchSize: number;
  size: number;
  json?: boolean;
}

const ADDRESS = /^(unix:|dns:\/\/\/|[^/\s]+:\d{1,5}(,|$))/;

/** A file or folder of this name, else what looks like the address of a data server. */
const isAddress = (data: string): boolean => !entryAt(data) && ADDRESS.test(data);

/** The stages of the data at a path, or what comes from a data server. */
async function examineData(data: string, { json, ...flags }: DoctorFlags): Promise<void> {
  const say = (what: string): void => {
    if (!json) process.stderr.write(`measuring: ${what} …\n`);
  };
  const print = (lines: readonly string[]): void => void process.stdout.write(`${lines.join("\n")}\n`);
  if (isAddress(data)) {
    const facts = await measureServer(data, { ...flags, security: connectionSecurity(flags) }, say);
    return json ? printJson(facts) : print(serverReportLines(facts));
  }
  const dataset = await openDatasetInThread(data, {
    badSamples: "skip",
    remote: remoteSettings(flags),
    onFiles: listingReport(data),
  });
  const batchSize = Math.min(flags.batchSize, Math.max(1, dataset.samples));
  const facts = await measureData(dataset, { ...flags, batchSize }, say);
  if (json) printJson({ ...facts, bottleneck: bottleneckOf(facts) });
  else print(dataReportLines(facts));
}

async function examine({ data, ...flags }: DoctorFlags): Promise<void> {
  const { json } = flags;
  if (data !== undefined) return examineData(data, flags);
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
  command
    .option(
      "--data <path>",
      "measure the stages of a data set instead, or what a data server at HOST:PORT or unix:PATH sends",
    )
    .addOption(workersOption())
    .option(
      "--seconds <s>",
      "of --data: length of each measurement",
      decimalNumber("--seconds", { min: 0.01, max: 600 }),
      2,
    )
    .option(
      "--batch-size <b>",
      "of --data: images per batch",
      wholeNumber("--batch-size", { min: 1, max: 4096 }),
      64,
    )
    .option(
      "--size <pixels>",
      "of --data: image size",
      wholeNumber("--size", { min: 8, max: 1024 }),
      DEIT_RECIPE.size,
    )
    .option("--json", "print one line of JSON");
  addRemoteOptions(command);
  addConnectionSecurity(command);
  command.action(action(examine));
  withExamples(command, [
    ["as text", "vitrine doctor"],
    ["which stage of the data is the slowest", "vitrine doctor --data photos/train"],
    ["the device that --device auto chooses", "vitrine doctor --json | jq .auto.device"],
  ]);
}
