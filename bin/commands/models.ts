// vitrine models: the published models that are known by name, with their sizes, counted from their own tables of
// parameters and graphs.

import type { Command } from "commander";
import { GraphBuilder } from "../../runtime/graph/graph.js";
import { multiplyAdds } from "../../runtime/graph/multiply-adds.js";
import { FAMILIES } from "../../runtime/models/families.js";
import { action, printJson, withExamples } from "../command-line.js";
import { trainedParameters } from "../parameter-count.js";

interface PublishedModel {
  name: string;
  family: string;
  /** Values that training changes by gradients. */
  parameters: number;
  /** Of a forward pass of one picture: timm's MACs, and what the papers call FLOPs. */
  multiplyAdds: number;
  /** Side of the input in pixels. */
  imageSize: number;
}

/** Members of a family with a name of their own, by the start of their names. */
const SERIES: readonly [start: string, series: string][] = [
  ["deit3_", "DeiT III"],
  ["vit_", "ViT"],
];

function publishedModels(): PublishedModel[] {
  // DeiT, the default and the last that is tried, first.
  return [...FAMILIES].reverse().flatMap((family) =>
    family.publishedNames.map((name): PublishedModel => {
      const config = family.published(name);
      if (!config) throw new Error(`${name} is published without a configuration`);
      const graph = new GraphBuilder(name);
      // With a listener the last block is computed for all tokens, as timm counts it.
      family.addClassifier(graph, config, { batch: 1, input: "image", onTensor: () => {} });
      return {
        name,
        family: SERIES.find(([start]) => name.startsWith(start))?.[1] ?? family.name,
        parameters: trainedParameters(config),
        multiplyAdds: multiplyAdds(graph),
        imageSize: config.imageSize,
      };
    }),
  );
}

const COLUMNS = ["name", "family", "parameters", "GMACs", "input"];

function cells({ name, family, parameters, multiplyAdds: products, imageSize }: PublishedModel): string[] {
  return [name, family, `${(parameters / 1e6).toFixed(1)} M`, (products / 1e9).toFixed(2), String(imageSize)];
}

function table(models: readonly PublishedModel[]): string[] {
  const rows = [COLUMNS, ...models.map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  // Names to the left, numbers to the right.
  return rows.map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join("  ")
      .trimEnd(),
  );
}

const LEGEND = [
  "GMACs: billions of multiply-adds for one picture, as timm counts them; papers",
  "call them FLOPs. input: side of the picture in pixels.",
  "vitrine train --model NAME trains one from scratch. --init timm:NAME, or --model",
  "timm:NAME of the other commands, downloads its weights; none are published for",
  "deit_tiny and deit_small at 384 pixels.",
];

async function listModels({ json }: { json?: boolean }): Promise<void> {
  const models = publishedModels();
  if (json) printJson({ models });
  else process.stdout.write(`${[...table(models), "", ...LEGEND].join("\n")}\n`);
}

export function configureModels(command: Command): void {
  command.option("--json", "print one line of JSON instead of a table").action(action(listModels));
  withExamples(command, [
    ["every published name", "vitrine models"],
    ["a photograph by the weights of one", "vitrine classify photo.jpg --model timm:deit3_small_patch16_224"],
  ]);
}
