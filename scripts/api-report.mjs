// API report: what each entrance of the package exports, as one reviewable file an entrance in docs/api/.
// `node scripts/api-report.mjs` rewrites the files; `--check` fails where one would change (test/pack/api-report.test.ts).

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CompilerState, Extractor, ExtractorConfig } from "@microsoft/api-extractor";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const check = process.argv.includes("--check");

/** Entrance → its declarations, read from package.json so that a new one cannot be forgotten. */
function entrances() {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return Object.entries(exports).flatMap(([name, target]) => {
    if (typeof target === "string" || name.includes("*")) return [];
    return [[name.replace("./", "").replaceAll("/", "-"), (target.node ?? target).types]];
  });
}

const scratch = mkdtempSync(join(tmpdir(), "vitrine-api-"));
const reports = join(root, "docs/api");
mkdirSync(reports, { recursive: true });
let changed = false;
/** One program for all entrances: reading the DOM's types takes most of the time. */
let compilerState;
const files = entrances().map(([, types]) => join(root, types));
for (const [name, types] of entrances()) {
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, types),
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: "ES2023",
            lib: ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
            module: "NodeNext",
            moduleResolution: "NodeNext",
            strict: true,
            skipLibCheck: true,
            types: ["node", "@webgpu/types"],
          },
          files,
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: reports,
        reportTempFolder: scratch,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: "lf",
      messages: {
        compilerMessageReporting: { default: { logLevel: "error" } },
        extractorMessageReporting: {
          default: { logLevel: "none" },
        },
        tsdocMessageReporting: { default: { logLevel: "none" } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, "package.json"),
  });
  compilerState ??= CompilerState.create(config, { additionalEntryPoints: files });
  const result = Extractor.invoke(config, {
    compilerState,
    localBuild: !check,
    showVerboseMessages: false,
    messageCallback: (message) => {
      if (message.logLevel !== "error") message.handled = true;
    },
  });
  if (result.apiReportChanged) {
    changed = true;
    console.error(`${check ? "differs" : "wrote"}: docs/api/${name}.api.md`);
  }
  if (!result.succeeded && !result.apiReportChanged) process.exitCode = 1;
}
rmSync(scratch, { recursive: true, force: true });
if (check && changed) {
  console.error("the public API changed: look at it, then run `npm run api`");
  process.exitCode = 1;
}
