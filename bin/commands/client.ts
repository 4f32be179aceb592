// vitrine client: the page, with a model that runs in the visitor's browser.

import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { WEIGHTS_FILE } from "../../runtime/host/model-source.js";
import { nodeModelSource } from "../../runtime/host/node.js";
import { writeModelJson } from "../../runtime/models/model-config.js";
import { openClassifier } from "../../runtime/open-classifier.js";
import { runUntilSignal } from "../../server/drain.js";
import { startPageServer } from "../../server/page/page-server.js";
import { action } from "../command-line.js";
import { modelOption } from "../model-options.js";

/** Compiled to dist/bin/commands/; page and WebAssembly lie in dist/. */
const dist = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface ClientOptions {
  model: string;
  listen: string;
  name?: string;
}

async function servePage(options: ClientOptions): Promise<void> {
  // Opened here first: a model that does not fit is refused now, not in the visitor's browser.
  const source = nodeModelSource(options.model);
  const { config, labels } = await openClassifier(source);
  const isFolder = statSync(options.model).isDirectory();
  const server = await startPageServer({
    listen: options.listen,
    app: dist("app"),
    wasm: dist("wasm"),
    models: [
      {
        name: options.name ?? source.name,
        weights: isFolder ? join(options.model, WEIGHTS_FILE) : options.model,
        config: writeModelJson(config, labels),
      },
    ],
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
    .action(action(servePage));
}
