// Kernels: WGSL sources become pipelines, each made once.

import { VitrineError } from "../../errors.js";
import type { Device } from "./device.js";
import { KERNEL_SOURCES, type KernelName } from "./generated/kernel-sources.js";

export interface Kernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

function keyOf({ kernel, constants, aliases, halves }: KernelVariant): string {
  return JSON.stringify([kernel, constants, [...aliases], [...halves]]);
}

/** Pipelines of an executor: a driver compiles each, which may take it a second. */
export interface KernelProgress {
  readonly made: number;
  /** Asked for so far: a later program may want more. */
  readonly wanted: number;
}

export class Kernels {
  readonly #device: Device;
  readonly #onProgress: (progress: KernelProgress) => void;
  readonly #kernels = new Map<string, Promise<Kernel>>();
  #made = 0;

  constructor(device: Device, onProgress: (progress: KernelProgress) => void = () => {}) {
    this.#device = device;
    this.#onProgress = onProgress;
  }

  /** All of them, made side by side; what was made before is not made again. Throws `internal/kernels`. */
  async load(variants: readonly KernelVariant[]): Promise<Kernel[]> {
    return Promise.all(
      variants.map((variant) => {
        const key = keyOf(variant);
        const kernel = this.#kernels.get(key) ?? this.#make(variant);
        this.#kernels.set(key, kernel);
        return kernel;
      }),
    );
  }

  async #make(variant: KernelVariant): Promise<Kernel> {
    const { gpu } = this.#device;
    const label = variant.kernel;
    const module = gpu.createShaderModule({ label, code: kernelText(variant) });
    try {
      const pipeline = await gpu.createComputePipelineAsync({
        label,
        layout: "auto",
        compute: { module, entryPoint: "main" },
      });
      this.#made++;
      this.#onProgress({ made: this.#made, wanted: this.#kernels.size });
      return { pipeline, layout: pipeline.getBindGroupLayout(0) };
    } catch (cause) {
      this.#device.check();
      const { messages } = await module.getCompilationInfo();
      const reasons = messages
        .map(({ lineNum, message }) => `line ${lineNum}: ${message.split("\n")[0]}`)
        .join("; ");
      throw new VitrineError(
        "internal/kernels",
        `kernel ${label} was refused: ${reasons || (cause instanceof Error ? cause.message : String(cause))}`,
        { cause },
      );
    }
  }
}

// Kernel text: a kernel's source as one call of it wants it. WGSL has no conditionals on declarations, no aliases of
// buffers and no generic types, so all three are done on the text.

export type { KernelName };

/** What makes a pipeline: a kernel, constants put before its text, its operands' types, and those that lie at one place. */
export interface KernelVariant {
  readonly kernel: KernelName;
  /** `const NAME = value;`, and the conditions of `#if`. */
  readonly constants: Readonly<Record<string, number>>;
  /** Operand → the operand it is one with: WebGPU binds no place twice where one of the two is written. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Operands that are stored as float16. */
  readonly halves: ReadonlySet<string>;
}

const DIRECTIVE = /^\s*\/\/ #(if|else|endif)(?: (\w+))?$/;

/**
 * The lines whose conditions hold: `// #if NAME` … `// #else` … `// #endif`, on lines of their own, nested or not. A name
 * holds where its constant is there and is not 0.
 */
export function chosenLines(text: string, constants: Readonly<Record<string, number>>): string {
  const open: boolean[] = [];
  const lines = text.split("\n").filter((line) => {
    const match = DIRECTIVE.exec(line);
    if (!match) return open.every((holds) => holds);
    const [, directive, name] = match;
    if (directive === "if") open.push((constants[name as string] ?? 0) !== 0);
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
  return new Map([...declared].map((match) => [match[2] as string, Number(match[1])]));
}

/** What a module must enable before its first declaration where the constant is not 0. */
const ENABLED_BY: Readonly<Record<string, string>> = {
  HALF: "f16",
  SUBGROUPS: "subgroups",
  MATRIX_DEPTH: "chromium_experimental_subgroup_matrix",
};

function directives(constants: Readonly<Record<string, number>>): string[] {
  return Object.entries(ENABLED_BY)
    .filter(([constant]) => constants[constant])
    .map(([, feature]) => `enable ${feature};\n`);
}

/**
 * For an operand `dQkv` the types `DQkvScalar` and `DQkvVector` of its storage, where the kernel speaks of them. Throws
 * `internal/kernels` where a float16 operand's kernel knows float32 only.
 */
function storageTypes({ kernel, halves }: KernelVariant, text: string, operands: Iterable<string>): string[] {
  return [...operands].flatMap((operand) => {
    const half = halves.has(operand);
    const stem = `${operand.charAt(0).toUpperCase()}${operand.slice(1)}`;
    const named = [`${stem}Scalar`, `${stem}Vector`].filter((name) => text.includes(name));
    if (half && named.length === 0)
      throw new VitrineError("internal/kernels", `kernel ${kernel} takes no float16 as ${operand}`);
    const scalar = half ? "f16" : "f32";
    return named.map((name) => `alias ${name} = ${name.endsWith("Vector") ? `vec4<${scalar}>` : scalar};\n`);
  });
}

/** The kernel's text with what it builds on in front, and with other names for operands that are one with another. */
export function kernelText(variant: KernelVariant): string {
  const { kernel, constants, aliases } = variant;
  let text = chosenLines(KERNEL_SOURCES[kernel], constants);
  const lines = [
    ...directives(constants),
    ...Object.entries(constants).map(([name, value]) => `const ${name} = ${value}u;\n`),
    ...storageTypes(variant, text, operandBindings(variant).keys()),
  ];
  for (const [operand, other] of aliases) {
    text = text.replace(new RegExp(`.*var<storage, read_write> ${operand}:.*\n`), "");
    text = text.replace(new RegExp(`(?<![\\w.])${operand}\\[`, "g"), `${other}[`);
  }
  return lines.join("") + text;
}
