// Writes what follows from the instruction table into generated/: instructions.mjs says which file is what.
// `node assembly/nn/generate-instructions.mjs`; the build calls it where a source of it is newer than its output.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { adamWPlaces } from "../../scripts/adamw-settings.mjs";
import { INSTRUCTIONS } from "./instructions.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
const HEAD = "Made by generate-instructions.mjs from instructions.mjs: do not edit.";

const pascal = (name) => name[0].toUpperCase() + name.slice(1);

function fail(text) {
  console.error(`instructions.mjs: ${text}`);
  process.exit(1);
}

/** "f64 [rows…,width]" → ["rows…", "width"] */
function axesOf(shape) {
  return /\[(.*)\]/.exec(shape)[1].split(",");
}

/** Exported functions of this folder: name → the module and the parameters in their order. */
function readKernels() {
  const kernels = new Map();
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".ts"))) {
    const text = readFileSync(`${folder}${file}`, "utf8");
    for (const [, name, list] of text.matchAll(/^export function (\w+)\(([^)]*)\): void/gm)) {
      const parameters = list
        .split(",")
        .map((parameter) => parameter.trim())
        .filter((parameter) => parameter !== "")
        .map((parameter) => parameter.split(/:\s*/))
        .map(([parameter, type]) => ({ name: parameter, type }));
      kernels.set(name, { module: file.replace(/\.ts$/, ""), parameters });
    }
  }
  return kernels;
}

/** The table's rows with everything at hand that the files below need. */
function readTable() {
  return INSTRUCTIONS.map((row, index) => {
    const tensors = Object.entries(row.tensors).map(([key, shape]) => ({
      name: key.replace("?", ""),
      optional: key.endsWith("?"),
      shape,
      axes: axesOf(shape),
    }));
    const { sizes = [], attributes = [], given = [], numbers = [], phases = 1 } = row;
    const words = [...tensors.map(({ name }) => name), ...sizes, ...numbers];
    if (new Set(words).size !== words.length) fail(`${row.name} has two operands of one name`);
    return { ...row, opcode: index + 1, tensors, sizes, attributes, given, numbers, phases, words };
  });
}

/** The kernel that `row` calls with `expected`; its parameters have these names. */
function kernelOf(kernels, name, expected) {
  const kernel = kernels.get(name);
  if (!kernel) fail(`no module of assembly/nn exports a kernel ${name}`);
  const got = kernel.parameters.map((parameter) => parameter.name).join(", ");
  const wanted = expected.join(", ");
  if (got !== wanted) fail(`${kernel.module}.ts has ${name}(${got}), the table says (${wanted})`);
  return kernel;
}

/** Reads word i of the instruction as the kernel's parameter wants it. */
function readWord(row, i, type) {
  const isNumber = i >= row.words.length - row.numbers.length;
  const read = isNumber ? `number(at, ${i})` : `word(at, ${i})`;
  return type === (isNumber ? "f32" : "usize") ? read : `<${type}>${read}`;
}

/** Bytes from the first to the `start`th place along the first axis of a tensor, as an expression; undefined: it stays. */
function bytesBefore(row, { axes }, over, start) {
  if (axes[0].replace("…", "") !== over) return undefined;
  const rest = axes.slice(1).map((axis) => axis.replace("…", ""));
  const factors = rest.map((axis) => `word(at, ${row.words.indexOf(axis)})`);
  return factors.length === 0 ? `${start} << 2` : `(${[start, ...factors].join(" * ")}) << 2`;
}

/** A call of a kernel for `count` places of axis `over`, from the `start`th on. */
function movedCall(row, name, kernel, over, start, count) {
  const lines = row.words.map((word, i) => {
    const read = readWord(row, i, kernel.parameters[i].type);
    if (word === over) return `        ${count},`;
    const tensor = row.tensors[i];
    const bytes = tensor && bytesBefore(row, tensor, over, start);
    if (bytes === undefined) return `        ${read}, // ${word}`;
    return tensor.optional
      ? `        moved(${read}, ${bytes}), // ${word}`
      : `        ${read} + (${bytes}), // ${word}`;
  });
  return [`      ${name}(`, ...lines, "      );"];
}

function executeCase(row, kernels, imports) {
  const { name, sizesInPlace, container, parallel, phases } = row;
  const operands = row.words.filter((word) => !(sizesInPlace && row.sizes.includes(word)));
  const expected = container ? ["at"] : [...operands, ...(sizesInPlace ? ["sizes"] : [])];
  if (phases > 1) expected.push("phase");
  const kernel = kernelOf(kernels, name, expected);
  imports.add(`import { ${name} } from "../${kernel.module}";`);
  const lines = [`    case Opcode.${pascal(name)}:`];
  if (typeof parallel === "object") {
    const { over, unit } = parallel;
    lines.push(`      cut(word(at, ${row.words.indexOf(over)}), ${unit});`);
    lines.push(...movedCall(row, name, kernel, over, "first", "count"));
  } else if (container) {
    lines.push(`      ${name}(at);`);
  } else {
    if (parallel === "whole") lines.push("      if (!isFirstPart()) return true;");
    lines.push(`      ${name}(`);
    for (const [i, word] of operands.entries())
      lines.push(`        ${readWord(row, i, kernel.parameters[i].type)}, // ${word}`);
    if (sizesInPlace) lines.push(`        wordPlace(at, ${row.tensors.length}), // sizes`);
    if (phases > 1) lines.push("        phase,");
    lines.push("      );");
  }
  lines.push("      return true;");
  return lines;
}

function executeModule(table, kernels) {
  const imports = new Set();
  const cases = table.flatMap((row) => executeCase(row, kernels, imports));
  const two = table.filter(({ phases }) => phases > 1).map(({ name }) => `opcode === Opcode.${pascal(name)}`);
  return `// ${HEAD} Execute: the interpreter's dispatch.

import { moved, number, word, wordPlace } from "../instruction-words";
import { count, cut, first, isFirstPart } from "../partition";
${[...imports].sort().join("\n")}
import { Opcode } from "./opcodes";

/** How often all parts of an instruction must be done before it is. */
export function phasesOf(at: usize): u32 {
  const opcode = load<u32>(at);
  return ${two.join(" || ")} ? 2 : 1;
}

/** Does this thread's part (partition.ts) of a phase of the instruction at \`at\`. False where the opcode is unknown. */
export function execute(at: usize, phase: u32): bool {
  switch (load<u32>(at)) {
${cases.join("\n")}
  }
  return false;
}
`;
}

function executeRowsModule(table, kernels) {
  const imports = new Set();
  const cases = table
    .filter(({ inSpan }) => inSpan)
    .flatMap((row) => {
      const { kernel: name, over } = row.inSpan;
      const kernel = kernelOf(
        kernels,
        name,
        row.words.map((word) => (word === over ? "rows" : word)),
      );
      imports.add(`import { ${name} } from "../${kernel.module}";`);
      const call = movedCall(row, name, kernel, over, "row", "rows");
      return [`    case Opcode.${pascal(row.name)}:`, ...call, "      return;"];
    });
  return `// ${HEAD} Execute rows: members of a span.

import { moved, number, word } from "../instruction-words";
${[...imports].sort().join("\n")}
import { Opcode } from "./opcodes";

/** Executes \`rows\` rows, from \`row\` on, of the instruction at \`at\`. */
export function executeRows(at: usize, row: usize, rows: usize): void {
  switch (load<u32>(at)) {
${cases.join("\n")}
  }
}
`;
}

/** Byte offsets, f64 each. */
function adamWModule() {
  const offsets = adamWPlaces().map(([name, place]) => `export const ${name}: usize = ${8 * place};`);
  const bytes = `export const SETTINGS_BYTES: usize = ${8 * adamWPlaces().length};`;
  const head = "Made by generate-instructions.mjs from runtime/graph/operations/optimizer.ts: do not edit.";
  return `// ${head} Byte offsets of AdamW's settings.\n\n${[...offsets, bytes].join("\n")}\n`;
}

function opcodesModule(table) {
  const members = table.map(({ name, doc, opcode }) => `  /** ${doc}. */\n  ${pascal(name)} = ${opcode},`);
  return `// ${HEAD} Opcodes, for both compilers.

export enum Opcode {
  /** End of the bytecode. */
  Halt = 0,
${members.join("\n")}
}
`;
}

function sizesModule(table) {
  const classes = new Map(
    table.filter((row) => row.sizesInPlace).map((row) => [row.sizesInPlace, row.sizes]),
  );
  const texts = [...classes].map(([name, sizes]) => {
    const fields = sizes.map((size) => `  ${size}: u32;`).join("\n");
    return `export class ${name} {\n${fields}\n}\n`;
  });
  return `// ${HEAD} Sizes that kernels read in their instruction.\n\n${texts.join("\n")}`;
}

/** A size or number as an expression over tensors `t`, attributes `a` and shapes `s`. */
function source(row, size) {
  if (row.attributes.includes(size) || row.numbers.includes(size)) return `a.${size}`;
  return (
    axisSource(row, size) ?? factorSource(row, size) ?? fail(`${row.name}: no tensor has an axis ${size}`)
  );
}

function axisSource(row, size) {
  for (const { name, axes, optional } of row.tensors) {
    const open = axes.findIndex((axis) => axis.endsWith("…"));
    const place = axes.findIndex((axis) => axis === size || axis === `${size}…`);
    if (optional || place < 0) continue;
    if (axes.length === 1 && open === 0) return `s.count(t.${name})`;
    // Axes after the open one count from the end.
    if (place !== open)
      return `s.axis(t.${name}, ${open >= 0 && place > open ? place - axes.length : place})`;
    const after = axes.length - 1 - open;
    return after > 0 ? `s.product(t.${name}, ${open}, -${after})` : `s.product(t.${name}, ${open})`;
  }
  return undefined;
}

/** From an axis that is the product of the size and an attribute. */
function factorSource(row, size) {
  for (const { name, axes, optional } of row.tensors) {
    for (const [place, axis] of optional ? [] : axes.entries()) {
      const [attribute, factor, ...more] = axis.split("·");
      if (more.length > 0 || factor !== size || !row.attributes.includes(attribute)) continue;
      return `s.axis(t.${name}, ${place}) / a.${attribute}`;
    }
  }
  return undefined;
}

function instructionsModule(table) {
  const types = table.map(({ name, doc, tensors, sizes, numbers }) => {
    const lines = [
      ...tensors.flatMap(({ name: tensor, optional, shape }) => [
        `    /** ${shape} */`,
        `    ${tensor}${optional ? "?: number | undefined" : ": number"};`,
      ]),
      ...[...sizes, ...numbers].map((size) => `    ${size}: number;`),
    ];
    return `  /** ${doc}. */\n  ${name}: {\n${lines.join("\n")}\n  };`;
  });
  const sources = table.map((row) => {
    const union = (names) => names.map((name) => JSON.stringify(name)).join(" | ") || "never";
    const parts = [
      `tensors: ${union(row.tensors.filter(({ optional }) => !optional).map(({ name }) => name))}`,
      `optional: ${union(row.tensors.filter(({ optional }) => optional).map(({ name }) => name))}`,
      `attributes: ${union([...row.attributes, ...row.numbers])}`,
      `given: ${union(row.given)}`,
    ];
    return `  ${row.name}: { ${parts.join("; ")} };`;
  });
  const layouts = table.map((row) => {
    const list = (names) => `[${names.map((name) => JSON.stringify(name)).join(", ")}]`;
    const entries = [...row.sizes, ...row.numbers]
      .filter((size) => !row.given.includes(size))
      .map((size) => `${size}: ${source(row, size)}`);
    const used = entries.join();
    const names = [
      /\bt\./.test(used) ? "t" : "_t",
      /\ba\./.test(used) ? "a" : "_a",
      /\bs\./.test(used) ? "s" : "_s",
    ];
    return [
      `  ${row.name}: {`,
      `    opcode: Opcode.${pascal(row.name)},`,
      `    tensors: ${list(row.tensors.map(({ name }) => name))},`,
      `    sizes: ${list(row.sizes)},`,
      `    numbers: ${list(row.numbers)},`,
      `    wordsOf: (${names.join(", ")}) => ({ ${entries.join(", ")} }),`,
      "  },",
    ].join("\n");
  });
  return `// ${HEAD} Instructions, for the encoder.

import { Opcode } from "./opcodes.js";

/** Operands by name: addresses of tensors, sizes, numbers. */
export interface Instructions {
${types.join("\n")}
}

export type InstructionName = keyof Instructions;

/** Names of the graph operation's operands and attributes that an instruction is made from, and of what is left to give. */
export interface InstructionSources {
${sources.join("\n")}
}

/** Sizes of tensors by id. Negative axes count from the last. */
export interface TensorSizes {
  /** Values. */
  count(tensor: number): number;
  axis(tensor: number, axis: number): number;
  /** Of the axes from \`first\` to before \`end\`. */
  product(tensor: number, first: number, end?: number): number;
}

type Named = Readonly<Record<string, number>>;

export interface InstructionLayout {
  opcode: Opcode;
  /** Operands in the order of their words: addresses, unsigned integers, float32 values. */
  tensors: readonly string[];
  sizes: readonly string[];
  numbers: readonly string[];
  /** Sizes and numbers from tensors by id, attributes and shapes. */
  wordsOf(tensors: Named, attributes: Named, shapes: TensorSizes): Record<string, number>;
}

export const INSTRUCTION_LAYOUTS: { readonly [N in InstructionName]: InstructionLayout } = {
${layouts.join("\n")}
};
`;
}

const table = readTable();
const kernels = readKernels();
mkdirSync(`${folder}generated`, { recursive: true });
const files = {
  "opcodes.ts": opcodesModule(table),
  "execute.ts": executeModule(table, kernels),
  "execute-rows.ts": executeRowsModule(table, kernels),
  "sizes.ts": sizesModule(table),
  "adamw-settings.ts": adamWModule(),
  "instructions.ts": instructionsModule(table),
};
for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}generated/${name}`, text);
