// vitrine client: the page, with a model that runs in the visitor's browser.

import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../runtime/host/model-source.js";
import { nodeModelSource } from "../../runtime/host/node.js";
import { convertModel } from "../../runtime/model-files/convert.js";
import { type OpenClassifier, openClassifier } from "../../runtime/model-files/read-model.js";
import { writeModelJson } from "../../runtime/models/families.js";
import type { WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { runUntilSignal } from "../../server/drain.js";
import { type PageModel, startPageServer } from "../../server/page/page-server.js";
import { action } from "../command-line.js";
import { dtypeOption, modelOption } from "../model-options.js";

/** Compiled to dist/bin/commands/; page and WebAssembly lie in dist/. */
const dist = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface ClientOptions {
  model: string;
  listen: string;
  name?: string;
  dtype?: WeightDtype;
}

/** Weights as they lie there, or brought to the dtype that visitors shall download. */
function servedFiles({ model: path, dtype }: ClientOptions, model: OpenClassifier): Omit<PageModel, "name"> {
  if (dtype !== undefined) {
    const files = convertModel(model, dtype);
    const config = new TextDecoder().decode(files.get(CONFIG_FILE));
    return { weights: files.get(WEIGHTS_FILE) as Uint8Array, config };
  }
  const isFolder = statSync(path).isDirectory();
  const config = writeModelJson(model.config, model.labels);
  return { weights: isFolder ? join(path, WEIGHTS_FILE) : path, config };
}

async function servePage(options: ClientOptions): Promise<void> {
  // Opened here first: a model that does not fit is refused now, not in the visitor's browser.
  const source = nodeModelSource(options.model);
  const model = await openClassifier(source);
  const server = await startPageServer({
    listen: options.listen,
    app: dist("app"),
    wasm: dist("wasm"),
    models: [{ name: options.name ?? source.name, ...servedFiles(options, model) }],
  });
  const announce = () => process.stdout.write(`listening on ${server.address}\n`);
  await runUntilSignal(() => server.drain(), announce);
}

export function registerClient(program: Command): void {
  program
    .command("client")
    .description("serve the page that classifies photographs in the browser")
    .addOption(modelOption().makeOptionMandatory())
    .option("--listen <host:port>", "address to listen on; port 0 takes a free one", "127.0.0.1:8080")
    .option("--name <name>", "the model's name on the page (default: its folder's or file's)")
    .addOption(dtypeOption("weights that visitors download: f32, f16 or int8; default: the file as it is"))
    .action(action(servePage));
}
