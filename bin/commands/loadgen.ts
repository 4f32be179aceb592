// vitrine loadgen: puts load on an inference server and measures how it answers.

import type { Command } from "commander";
import { checkAddress } from "../../proto/address.js";
import { quote, VitrineError } from "../../runtime/errors.js";
import { action, printJson, withExamples } from "../command-line.js";
import { openGrpcTarget } from "../loadgen/grpc-target.js";
import { parseLevels } from "../loadgen/levels.js";
import { type Load, MOST_IN_FLIGHT } from "../loadgen/load.js";
import { AGREEING, measureLoad } from "../loadgen/measure.js";
import { makePayload } from "../loadgen/payload.js";
import { type Level, legend, levelOf, tableHead, tableLines } from "../loadgen/report.js";
import { openRestTarget } from "../loadgen/rest-target.js";
import type { ModelInput, Target, TargetOptions } from "../loadgen/target.js";
import { decimalNumber, wholeNumber } from "../options.js";
import { addConnectionSecurity, type ConnectionFlags, connectionSecurity } from "../security-options.js";

interface LoadgenCommand extends ConnectionFlags {
  model?: string;
  modelVersion?: string;
  input?: string;
  pictures?: string;
  batch: number;
  concurrency?: number[];
  rate?: number[];
  deadline: number;
  connections: number;
  seed: number;
  warmUp: number;
  window: number;
  maxWindows: number;
  stability: number;
  json?: boolean;
}

const HTTP_ADDRESS = /^https?:\/\/[^/?#]+\/?$/;
const MOST_PER_SECOND = 1_000_000;

function loadsOf({ concurrency, rate }: LoadgenCommand): Load[] {
  if (concurrency !== undefined && rate !== undefined)
    throw new VitrineError("usage/command-line", "loadgen takes one of --concurrency and --rate");
  if (rate !== undefined) return rate.map((value) => ({ kind: "open", rate: value }));
  return (concurrency ?? [1]).map((value) => ({ kind: "closed", concurrency: value }));
}

function openTarget(server: string, flags: LoadgenCommand): Target {
  const { model = "", modelVersion: version = "", connections } = flags;
  const options: TargetOptions = {
    address: server,
    model,
    version,
    connections,
    security: connectionSecurity(flags),
  };
  if (HTTP_ADDRESS.test(server)) {
    if (model === "") throw new VitrineError("usage/command-line", "loadgen over HTTP needs --model NAME");
    return openRestTarget(options);
  }
  checkAddress(server, "SERVER");
  return openGrpcTarget(options);
}

function chooseInput(inputs: readonly ModelInput[], name: string | undefined): ModelInput {
  const found = name === undefined ? inputs[0] : inputs.find((input) => input.name === name);
  if (found) return found;
  const allowed = inputs.map((input) => `"${quote(input.name)}"`).join(", ") || "none";
  const text = `the model has no input "${quote(name ?? "")}" (--input); its inputs: ${allowed}`;
  throw new VitrineError("usage/command-line", text);
}

async function loadgen(server: string, flags: LoadgenCommand): Promise<void> {
  const loads = loadsOf(flags);
  const target = openTarget(server, flags);
  const levels: Level[] = [];
  const say = (line: string): void => {
    if (!flags.json) process.stdout.write(`${line}\n`);
  };
  try {
    const { name, version, inputs } = await target.describe();
    const input = chooseInput(inputs, flags.input);
    const payload = await makePayload(input, flags);
    const requests = payload.inputs.map((prepared) => target.prepare([prepared]));
    say(`model ${quote(name)} ${quote(version)} at ${server} (${target.protocol})`);
    say(`input ${quote(input.name)}: ${payload.about}; images of a request: ${flags.batch}`);
    say(tableHead(flags.rate === undefined ? "concurrency" : "rate"));
    for (const load of loads) {
      const measurement = await measureLoad(load, {
        target,
        requests,
        deadlineMs: flags.deadline,
        seed: flags.seed,
        warmUpMs: 1000 * flags.warmUp,
        windowMs: 1000 * flags.window,
        stability: flags.stability / 100,
        maxWindows: flags.maxWindows,
      });
      const level = levelOf(measurement, flags.batch);
      levels.push(level);
      for (const line of tableLines(level)) say(line);
    }
    for (const line of legend(levels)) say(line);
    if (flags.json)
      printJson({
        server,
        protocol: target.protocol,
        model: name,
        version,
        batch: flags.batch,
        payload: payload.about,
        levels,
      });
  } finally {
    target.close();
  }
}

export function configureLoadgen(command: Command): void {
  command
    .argument(
      "<server>",
      "HOST:PORT (gRPC) or http://HOST:PORT (REST) of any server of the Open Inference Protocol v2",
    )
    .optionsGroup("Request:")
    .option("--model <name>", "the model (a Vitrine server's only one)")
    .option("--model-version <version>", "its version (the server chooses)")
    .option("--input <name>", "the input to send, by default the first of the model's")
    .option("--pictures <path>", "a picture, or a folder of pictures, for an input of pictures (drawn ones)")
    .option("--batch <n>", "images of a request", wholeNumber("--batch", { min: 1, max: 4096 }), 1)
    .option(
      "--deadline <ms>",
      "deadline of each request in milliseconds",
      wholeNumber("--deadline", { min: 1, max: 3_600_000 }),
      30_000,
    )
    .optionsGroup("Load:")
    .option("--concurrency <list>", "requests in flight: 1,8,64 or START:END:STEP (1)", (text) =>
      parseLevels("--concurrency", text, MOST_IN_FLIGHT, true),
    )
    .option(
      "--rate <list>",
      "requests per second instead, at random times, whether or not they are answered",
      (text) => parseLevels("--rate", text, MOST_PER_SECOND, false),
    )
    .option("--seed <n>", "of the random times and contents", wholeNumber("--seed", { min: 0 }), 0)
    .option("--connections <n>", "connections", wholeNumber("--connections", { min: 1, max: 1024 }), 1)
    .optionsGroup("Measurement:")
    .option(
      "--warm-up <s>",
      "seconds of load before it",
      decimalNumber("--warm-up", { min: 0, max: 3600 }),
      2,
    )
    .option("--window <s>", "seconds of a window", decimalNumber("--window", { min: 0.01, max: 3600 }), 5)
    .option(
      "--stability <percent>",
      `a level ends when rate and mean latency of ${AGREEING} windows in a row differ by no more from their mean`,
      decimalNumber("--stability", { min: 0.1, max: 100 }),
      10,
    )
    .option(
      "--max-windows <n>",
      "windows at most",
      wholeNumber("--max-windows", { min: AGREEING, max: 10_000 }),
      10,
    )
    .optionsGroup("Output:")
    .option("--json", "print one line of JSON");
  addConnectionSecurity(command, "inference servers");
  command.action(action(loadgen));
  withExamples(command, [
    ["one request at a time, then 8, then 64", "vitrine loadgen 127.0.0.1:8001 --concurrency 1,8,64"],
    ["photographs, 20 requests a second", "vitrine loadgen 127.0.0.1:8001 --pictures photos --rate 20"],
    [
      "a model of another server, four images a request",
      "vitrine loadgen triton:8001 --model resnet --batch 4",
    ],
  ]);
}
