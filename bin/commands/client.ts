// vitrine client: serves the page, whose model runs in the visitor's browser.

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../runtime/host/host.js";
import { convertModel } from "../../runtime/model-files/convert.js";
import { readModel, type StoredModel } from "../../runtime/model-files/stored-model.js";
import { writeConfigJson } from "../../runtime/models/families.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { runUntilSignal } from "../../server/drain.js";
import { exposureWarning } from "../../server/listen.js";
import { type PageModel, startPageServer } from "../../server/page/page-server.js";
import { action, withExamples } from "../command-line.js";
import { openModelSource } from "../hub-model.js";
import { dtypeOption, modelOption } from "../model-options.js";

/** Compiled to dist/bin/commands/; the page and the WebAssembly modules are in dist/. */
const dist = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface ClientOptions {
  model: string;
  listen: string;
  name?: string;
  dtype?: WeightDtype;
}

/** The weights as they are, or converted to the dtype that visitors download. */
function servedFiles(
  path: string,
  dtype: WeightDtype | undefined,
  model: StoredModel,
): Omit<PageModel, "name"> {
  const weights = statSync(path).isDirectory() ? join(path, WEIGHTS_FILE) : path;
  if (dtype !== undefined || !weights.endsWith(".safetensors") || !existsSync(weights)) {
    const files = convertModel(model, dtype ?? model.dtype);
    const config = new TextDecoder().decode(files.get(CONFIG_FILE));
    return { weights: files.get(WEIGHTS_FILE) as Uint8Array, config };
  }
  const config = writeConfigJson(model.config, model.labels);
  return { weights, config };
}

async function servePage(options: ClientOptions): Promise<void> {
  // Opened here first, so that an unusable model is refused now and not in the visitor's browser.
  const source = await openModelSource(options.model);
  const model = await readModel(source);
  const server = await startPageServer({
    listen: options.listen,
    app: dist("app"),
    wasm: dist("wasm"),
    models: [{ name: options.name ?? source.name, ...servedFiles(source.path, options.dtype, model) }],
  });
  const warning = exposureWarning(server.address, "open the page and download the model");
  if (warning) process.stderr.write(`${warning}\n`);
  const announce = () => process.stdout.write(`listening on ${server.address}\n`);
  await runUntilSignal(() => server.drain(), announce);
}

export function configureClient(command: Command): void {
  command
    .optionsGroup("Model:")
    .addOption(modelOption().makeOptionMandatory())
    .addOption(dtypeOption("weights that visitors download: f32, f16, bf16 or int8; default: the file's"))
    .option("--name <name>", "the model's name on the page (default: that of its folder or file)")
    .optionsGroup("Server:")
    .option("--listen <host:port>", "address to listen on; port 0 picks a free port", "127.0.0.1:8080")
    .action(action(servePage));
  withExamples(command, [
    ["a page on this machine", "vitrine client --model runs/shapes/best"],
    ["half the download", "vitrine client --model runs/shapes/best --dtype f16 --listen 127.0.0.1:0"],
  ]);
}
