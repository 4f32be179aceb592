// vitrine client: serves the page, whose models run in the visitor's browser, or writes it as a static site.

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, Option } from "commander";
import { quote, VitrineError } from "../../runtime/errors.js";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../runtime/host/host.js";
import { convertModel } from "../../runtime/model-files/convert.js";
import { listedFacts } from "../../runtime/model-files/model-list.js";
import { readModel, type StoredModel } from "../../runtime/model-files/stored-model.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { runUntilSignal } from "../../server/drain.js";
import { checkModelName } from "../../server/inference/repository/model-origin.js";
import { exposureWarning } from "../../server/listen.js";
import { openPageModels, type PageModel } from "../../server/page/page-models.js";
import { startPageServer } from "../../server/page/page-server.js";
import { staticSite } from "../../server/page/static-site.js";
import { action, withExamples } from "../command-line.js";
import { type NamedModel, namedModels, openModelSource } from "../hub-model.js";
import { dtypeOption, modelOption } from "../model-options.js";
import { checkEmptyFolderOut, sizeText, writeTreeOut } from "../write-output.js";

/** Compiled to dist/bin/commands/; the page is in dist/app. */
const APP = fileURLToPath(new URL("../../app", import.meta.url));

const EXPORT_FLAG = "--export";

interface ClientOptions {
  model: readonly string[];
  listen: string;
  name?: string;
  dtype?: WeightDtype;
  export?: string;
}

const MAX_NAME = 128;

/** A name becomes a folder of the page's address. */
function checkPageName(name: string): string {
  const isFolder = name !== "" && name !== "." && name !== ".." && name.length <= MAX_NAME;
  if (isFolder && !/\p{Surrogate}/u.test(name)) return name;
  const text = `model name "${quote(name)}"; allowed: 1 to ${MAX_NAME} characters, but not "." and ".."`;
  throw new VitrineError("usage/models", text, { details: { name } });
}

/** The weights as they are, or converted to the dtype that visitors download. */
function servedFiles(
  path: string,
  dtype: WeightDtype | undefined,
  model: StoredModel,
): Pick<PageModel, "weights" | "config" | "dtype"> {
  const weights = statSync(path).isDirectory() ? join(path, WEIGHTS_FILE) : path;
  if (dtype !== undefined || !weights.endsWith(".safetensors") || !existsSync(weights)) {
    const files = convertModel(model, dtype ?? model.dtype);
    const config = new TextDecoder().decode(files.get(CONFIG_FILE));
    return { weights: files.get(WEIGHTS_FILE) as Uint8Array, config, dtype: dtype ?? model.dtype };
  }
  const config = writeConfigJson(model.config, model.labels);
  return { weights, config, dtype: model.dtype };
}

/** Reads the model, so that an unusable one is refused now and not in the visitor's browser. */
async function openPageModel({ name, path }: NamedModel, dtype: WeightDtype | undefined): Promise<PageModel> {
  const source = await openModelSource(path);
  const model = await readModel(source);
  const files = servedFiles(source.path, dtype, model);
  return { ...listedFacts(name, model, files.dtype), ...files };
}

async function exportSite(out: string, models: readonly PageModel[]): Promise<void> {
  const opened = await openPageModels(models);
  try {
    const site = staticSite(APP, opened);
    await writeTreeOut(out, site, EXPORT_FLAG);
    const bytes = opened.list.models.reduce((sum, model) => sum + model.bytes, 0);
    process.stdout.write(`${out}: ${site.size} files; weights ${sizeText(bytes)}\n`);
  } finally {
    await opened.close();
  }
}

async function client(options: ClientOptions): Promise<void> {
  if (options.export !== undefined) checkEmptyFolderOut(options.export, EXPORT_FLAG);
  const models: PageModel[] = [];
  // Hosts of files differ in how they read encoded addresses.
  const checkName = options.export === undefined ? checkPageName : checkModelName;
  for (const named of namedModels(options.model, options.name, checkName))
    models.push(await openPageModel(named, options.dtype));
  if (options.export !== undefined) return exportSite(options.export, models);
  const server = await startPageServer({ listen: options.listen, app: APP, models });
  const warning = exposureWarning(server.address, "open the page and download the models");
  if (warning) process.stderr.write(`${warning}\n`);
  const announce = () => process.stdout.write(`listening on ${server.address}\n`);
  await runUntilSignal(() => server.drain(), announce);
}

export function configureClient(command: Command): void {
  const { flags, description } = modelOption();
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  command
    .optionsGroup("Model:")
    .addOption(
      new Option(flags, `${description}; repeatable, as NAME=PATH`).argParser(collect).makeOptionMandatory(),
    )
    .addOption(dtypeOption("weights that visitors download: f32, f16, bf16 or int8; default: the file's"))
    .option("--name <name>", "the only model's name on the page (default: that of its folder or file)")
    .optionsGroup("Server:")
    .option("--listen <host:port>", "address to listen on; port 0 picks a free port", "127.0.0.1:8080")
    .optionsGroup("Static site:")
    .option(
      `${EXPORT_FLAG} <folder>`,
      "write the page and its models to a new folder, for GitHub Pages, a Space or any web server, and end",
    )
    .action(action(client));
  withExamples(command, [
    ["a page on this machine", "vitrine client --model runs/shapes/best"],
    ["half the download", "vitrine client --model runs/shapes/best --dtype f16 --listen 127.0.0.1:0"],
    ["a site for GitHub Pages", "vitrine client --model runs/shapes/best --dtype f16 --export site"],
    ["a choice of models", "vitrine client --model runs/shapes/best --model small=runs/small/best"],
  ]);
}
