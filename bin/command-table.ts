// Command table: every subcommand, grouped by purpose, in the order of the help. A command's module, with all that it
// imports, is loaded only where the command is run or asked for its own help.

import type { Command } from "commander";

export interface CommandEntry {
  name: string;
  description: string;
  /** SIGHUP does not end it, not even while its module is loaded. Default false. */
  outlivesHangup?: boolean;
  /** Its options and action. */
  load(): Promise<(command: Command) => void>;
}

export const COMMAND_GROUPS: readonly [heading: string, commands: readonly CommandEntry[]][] = [
  [
    "Train:",
    [
      {
        name: "start",
        description: "a first run: draw a sample data set and train a small DeiT on it over gRPC",
        load: async () => (await import("./commands/start.js")).configureStart,
      },
      {
        name: "data-server",
        description: "serve augmented training batches over gRPC",
        load: async () => (await import("./commands/data-server.js")).configureDataServer,
      },
      {
        name: "train",
        description: "train a DeiT or a RegNetY on photographs of this machine or of data servers",
        load: async () => (await import("./commands/train.js")).configureTrain,
      },
      {
        name: "validate",
        description: "measure a model's top-1 and top-5 accuracy and its loss on a data set",
        load: async () => (await import("./commands/validate.js")).configureValidate,
      },
      {
        name: "report",
        description: "write one HTML page about a run: curves, confusions, mistakes, settings",
        load: async () => (await import("./commands/report.js")).configureReport,
      },
      {
        name: "dashboard",
        description: "serve a page of runs, finished or in progress, and compare them",
        load: async () => (await import("./commands/dashboard.js")).configureDashboard,
      },
    ],
  ],
  [
    "Use a model:",
    [
      {
        name: "classify",
        description: "print the most probable classes of photos, with a local model or a server",
        load: async () => (await import("./commands/classify.js")).configureClassify,
      },
      {
        name: "serve",
        description: "serve models over gRPC and HTTP (Open Inference Protocol v2)",
        outlivesHangup: true,
        load: async () => (await import("./commands/serve.js")).configureServe,
      },
      {
        name: "loadgen",
        description: "put load on an inference server and measure rates, latencies and errors",
        load: async () => (await import("./commands/loadgen.js")).configureLoadgen,
      },
      {
        name: "client",
        description: "serve a web page that classifies photos in the visitor's browser",
        load: async () => (await import("./commands/client.js")).configureClient,
      },
      {
        name: "convert",
        description: "convert a model's weights to float16 (half the bytes) or int8 (a quarter)",
        load: async () => (await import("./commands/convert.js")).configureConvert,
      },
      {
        name: "export",
        description: "write a model for Hugging Face's transformers, timm, PyTorch or ONNX",
        load: async () => (await import("./commands/export.js")).configureExport,
      },
    ],
  ],
  [
    "Inspect:",
    [
      {
        name: "models",
        description: "list the published models with parameters, multiply-adds and input size",
        load: async () => (await import("./commands/models.js")).configureModels,
      },
      {
        name: "doctor",
        description: "print this machine's CPU, memory and GPUs, and what --device auto chooses",
        load: async () => (await import("./commands/doctor.js")).configureDoctor,
      },
      {
        name: "simulate",
        description: "predict how many images a second data servers bring to trainers",
        load: async () => (await import("./commands/simulate.js")).configureSimulate,
      },
      {
        name: "image",
        description: "decode or augment a photo and look at the result",
        load: async () => (await import("./commands/image.js")).configureImage,
      },
      {
        name: "dataset",
        description: "index, pack, check and count a data set",
        load: async () => (await import("./commands/dataset.js")).configureDataset,
      },
      {
        name: "data",
        description: "inspect the batches of a data set",
        load: async () => (await import("./commands/data.js")).configureData,
      },
    ],
  ],
];
