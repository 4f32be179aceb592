// vitrine client: serves the page, whose models run in the visitor's browser, or writes it as a static site.

import { type Command, Option } from "commander";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { runUntilSignal } from "../../server/drain.js";
import { checkModelName } from "../../server/inference/repository/model-origin.js";
import { exposureWarning } from "../../server/listen.js";
import { openPageModels, type PageModel } from "../../server/page/page-models.js";
import { startPageServer } from "../../server/page/page-server.js";
import { staticSite } from "../../server/page/static-site.js";
import { action, withExamples } from "../command-line.js";
import { namedModels } from "../hub-model.js";
import { modelOption, parseDtype, parseOffered } from "../model-options.js";
import { APP, checkPageName, openPageModel } from "../page-source.js";
import { checkEmptyFolderOut, sizeText, writeTreeOut } from "../write-output.js";

const EXPORT_FLAG = "--export";

interface ClientOptions {
  model: readonly string[];
  listen: string;
  name?: string;
  dtype?: readonly WeightDtype[];
  export?: string;
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
    models.push(await openPageModel(named, options.dtype ?? []));
  if (options.export !== undefined) return exportSite(options.export, models);
  const server = await startPageServer({ listen: options.listen, app: APP, models });
  const warning = exposureWarning(server.address, "open the page and download the models");
  if (warning) process.stderr.write(`${warning}\n`);
  const announce = () => process.stdout.write(`listening on ${server.address}\n`);
  await runUntilSignal(() => server.drain(), announce);
}

/** One format of any kind, or several that a page can choose from. */
function parseFormats(text: string): WeightDtype[] {
  return text.includes(",") ? parseOffered("--dtype", text) : [parseDtype(text)];
}

export function configureClient(command: Command): void {
  const { flags, description } = modelOption();
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  command
    .optionsGroup("Model:")
    .addOption(
      new Option(flags, `${description}; repeatable, as NAME=PATH`).argParser(collect).makeOptionMandatory(),
    )
    .option(
      "--dtype <dtypes>",
      "weights that visitors download: f32, f16, bf16 or int8, or several of f32, f16 and int8 with commas, among which " +
        "the page chooses by the connection; default: what the model's folder offers",
      parseFormats,
    )
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
    ["three formats to choose from", "vitrine client --model runs/shapes/best --dtype f32,f16,int8"],
    ["a choice of models", "vitrine client --model runs/shapes/best --model small=runs/small/best"],
  ]);
}
