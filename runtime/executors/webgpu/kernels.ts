// Kernels: WGSL sources become the text of one variant, and each variant one pipeline.
//
// WGSL has no conditional declarations, no aliased buffers and no generic types, so all three are done on the text.

import { VitrineError } from "../../errors.js";
import type { KernelProgress } from "../executor.js";
import type { Device, Slice } from "./device.js";
import type { Dispatch } from "./dispatch.js";
import { KERNEL_SOURCES, type KernelName } from "./generated/kernel-sources.js";

/** What identifies a pipeline. */
export interface KernelVariant {
  readonly kernel: KernelName;
  /** Declared as `const NAME = value;` before the kernel's text, and tested by its `#if`s. */
  readonly constants: Readonly<Record<string, number>>;
  /**
   * Operand → the operand whose slice it shares, and under whose name the kernel accesses it: WebGPU does not bind
   * the same memory twice where one of the bindings is writable.
   */
  readonly aliases: ReadonlyMap<string, string>;
  /** Operands that are stored as float16. */
  readonly halves: ReadonlySet<string>;
}

const DIRECTIVE = /^\s*\/\/ #(if|else|endif)(?: (\w+))?$/;

/**
 * The lines whose conditions hold: `// #if NAME` … `// #else` … `// #endif`, each on a line of its own, possibly
 * nested. A condition holds where the constant NAME exists and is not 0.
 */
export function chosenLines(text: string, constants: Readonly<Record<string, number>>): string {
  const open: boolean[] = [];
  const lines = text.split("\n").filter((line) => {
    const match = DIRECTIVE.exec(line);
    if (!match) return open.every((holds) => holds);
    const [, directive, name] = match;
    if (directive === "if") open.push((constants[name] ?? 0) !== 0);
    else if (open.length === 0)
      throw new VitrineError("internal/kernels", `a kernel has #${directive} without #if`);
    else if (directive === "else") open.push(!open.pop());
    else open.pop();
    return false;
  });
  if (open.length > 0) throw new VitrineError("internal/kernels", "a kernel has #if without #endif");
  return lines.join("\n");
}

const OPERAND = /@binding\((\d+)\) var<storage, read_write> (\w+):/g;

/** Operand → binding, as the kernel declares them under these constants. */
export function operandBindings({
  kernel,
  constants,
}: Pick<KernelVariant, "kernel" | "constants">): ReadonlyMap<string, number> {
  const declared = chosenLines(KERNEL_SOURCES[kernel], constants).matchAll(OPERAND);
  return new Map([...declared].map((match) => [match[2], Number(match[1])]));
}

/**
 * The variant that a dispatch needs: operands with the same slice become aliases. `tier` has the constants of the
 * device's tier. Throws `internal/webgpu` where two operands overlap in part.
 */
export function variantOf(
  { kernel, constants: own = {}, operands }: Dispatch,
  tier: Readonly<Record<string, number>> = {},
): KernelVariant {
  const constants = { ...tier, ...own };
  const bindings = operandBindings({ kernel, constants });
  const aliases = new Map<string, string>();
  const present = Object.entries(operands).filter(
    (entry): entry is [string, Slice] => entry[1] !== undefined,
  );
  for (const [name] of present)
    if (!bindings.has(name))
      throw new VitrineError("internal/webgpu", `kernel ${kernel} declares no operand ${name}`);
  present.forEach(([name, slice], index) => {
    for (const [other, earlier] of present.slice(0, index)) {
      if (aliases.has(other) || !overlap(slice, earlier)) continue;
      if (slice.offset !== earlier.offset || slice.bytes !== earlier.bytes || slice.half !== earlier.half)
        throw new VitrineError("internal/webgpu", `kernel ${kernel}: ${name} and ${other} overlap`);
      aliases.set(name, other);
      return;
    }
  });
  const halves = new Set(present.filter(([, { half }]) => half).map(([name]) => name));
  return { kernel, constants, aliases, halves };
}

function overlap(a: Slice, b: Slice): boolean {
  return a.buffer === b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

/** Constant → the extension that a module enables where the constant is not 0 and its text uses the extension. */
const EXTENSIONS: Readonly<Record<string, readonly [extension: string, use: RegExp]>> = {
  HALF: ["f16", /\bf16\b/],
  SUBGROUPS: ["subgroups", /\bsubgroup/],
  MATRIX_DEPTH: ["chromium_experimental_subgroup_matrix", /\bsubgroup_matrix/],
};

function enableDirectives(constants: Readonly<Record<string, number>>, text: string): string {
  return Object.entries(EXTENSIONS)
    .filter(([constant, [, use]]) => constants[constant] && use.test(text))
    .map(([, [extension]]) => `enable ${extension};\n`)
    .join("");
}

/**
 * For an operand `dQkv` the types `DQkvScalar` and `DQkvVector` of its storage, where the kernel uses them. Throws
 * `internal/kernels` where an operand is float16 but the kernel supports float32 only.
 */
function storageTypes({ kernel, halves }: KernelVariant, text: string, operands: Iterable<string>): string[] {
  return [...operands].flatMap((operand) => {
    const half = halves.has(operand);
    const stem = `${operand.charAt(0).toUpperCase()}${operand.slice(1)}`;
    const named = [`${stem}Scalar`, `${stem}Vector`].filter((name) => text.includes(name));
    if (half && named.length === 0)
      throw new VitrineError("internal/kernels", `kernel ${kernel} does not take float16 as ${operand}`);
    const scalar = half ? "f16" : "f32";
    return named.map((name) => `alias ${name} = ${name.endsWith("Vector") ? `vec4<${scalar}>` : scalar};\n`);
  });
}

/**
 * The kernel's text after the constants and types that it uses, with aliased operands under one name. Variants that
 * differ only in constants without an effect have the same text: most kernels are the same on several tiers.
 */
export function kernelText(variant: KernelVariant): string {
  const { kernel, constants, aliases } = variant;
  let text = chosenLines(KERNEL_SOURCES[kernel], constants);
  const types = storageTypes(variant, text, operandBindings(variant).keys());
  for (const [operand, other] of aliases) {
    text = text.replace(new RegExp(`.*var<storage, read_write> ${operand}:.*\n`), "");
    text = text.replace(new RegExp(`(?<![\\w.])${operand}\\[`, "g"), `${other}[`);
  }
  const used = Object.entries(constants).filter(([name]) => new RegExp(`\\b${name}\\b`).test(text));
  const body = [...used.map(([name, value]) => `const ${name} = ${value}u;\n`), ...types, text].join("");
  return enableDirectives(constants, body) + body;
}

export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

function keyOf({ kernel, constants, aliases, halves }: KernelVariant): string {
  return JSON.stringify([kernel, constants, [...aliases], [...halves]]);
}

/** The pipelines of an executor, each compiled once. */
export class Kernels {
  readonly #device: Device;
  readonly #onProgress: (progress: KernelProgress) => void;
  readonly #byVariant = new Map<string, Promise<Kernel>>();
  readonly #byText = new Map<string, Promise<Kernel>>();
  #made = 0;

  constructor(device: Device, onProgress: (progress: KernelProgress) => void = () => {}) {
    this.#device = device;
    this.#onProgress = onProgress;
  }

  /** The pipelines of `variants`; missing ones are compiled concurrently. Throws `internal/kernels`. */
  async load(variants: readonly KernelVariant[]): Promise<Kernel[]> {
    return Promise.all(
      variants.map((variant) => {
        const key = keyOf(variant);
        const kernel = this.#byVariant.get(key) ?? this.#ofText(variant.kernel, kernelText(variant));
        this.#byVariant.set(key, kernel);
        return kernel;
      }),
    );
  }

  #ofText(label: string, text: string): Promise<Kernel> {
    const kernel = this.#byText.get(text) ?? this.#make(label, text);
    this.#byText.set(text, kernel);
    return kernel;
  }

  async #make(label: string, code: string): Promise<Kernel> {
    const { gpu } = this.#device;
    const module = gpu.createShaderModule({ label, code });
    try {
      const pipeline = await gpu.createComputePipelineAsync({
        label,
        layout: "auto",
        compute: { module, entryPoint: "main" },
      });
      this.#made++;
      this.#onProgress({ made: this.#made, wanted: this.#byText.size });
      return { pipeline, layout: pipeline.getBindGroupLayout(0) };
    } catch (cause) {
      this.#device.check();
      const { messages } = await module.getCompilationInfo();
      const reasons = messages
        .map(({ lineNum, message }) => `line ${lineNum}: ${message.split("\n")[0]}`)
        .join("; ");
      throw new VitrineError(
        "internal/kernels",
        `kernel ${label} was rejected: ${reasons || (cause instanceof Error ? cause.message : String(cause))}`,
        { cause },
      );
    }
  }
}
