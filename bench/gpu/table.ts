// Table: the GPU bench's figures as Markdown, a row for each model, mode and batch.

import type { Machine } from "./machine.js";

export interface Row {
  model: string;
  mode: "forward" | "train";
  batch: number;
  contestant: string;
  /** From the medians of all calls. */
  imagesPerSecond: number;
  /** Of a call, which is `stepsPerCall` steps. */
  medianMs: number;
  bestMs: number;
  calls: number;
  /** Largest difference of logits, or of the losses of three steps, from ours, over the larger of 1 and our largest. */
  fromOurs: number;
}

export interface Missing {
  model: string;
  mode: string;
  batch: number;
  contestant: string;
  reason: string;
}

export interface GpuReport {
  machine: Machine;
  stepsPerCall: number;
  parity: { passed: number; failed: number; skipped: number } | null;
  rows: Row[];
  missing: Missing[];
}

function machineLines({ adapter, driver, system, processor, node, nvidia, torch }: Machine): string[] {
  const peer = torch
    ? `PyTorch ${torch.version}${torch.gpu ? ` on ${torch.gpu}` : ", no GPU"}`
    : "no PyTorch";
  return [
    `- adapter: ${adapter}; ${driver}`,
    ...(nvidia === null ? [] : [`- nvidia-smi: ${nvidia.replaceAll("\n", "; ")}`]),
    `- ${processor}, ${system}, Node ${node}, ${peer}`,
  ];
}

/** `| deit_tiny… | train | 8 | 412.0 | … |`: images/s of each contestant, and what is missing below. */
export function markdown({ machine, parity, rows, missing }: GpuReport): string {
  const contestants = [...new Set([...rows, ...missing].map(({ contestant }) => contestant))];
  const heading = ["model", "mode", "batch", ...contestants];
  const places = [...new Set(rows.map(({ model, mode, batch }) => `${model} | ${mode} | ${batch}`))];
  const cells = places.map((place) => {
    const here = rows.filter(({ model, mode, batch }) => `${model} | ${mode} | ${batch}` === place);
    return contestants.map((name) => {
      const row = here.find(({ contestant }) => contestant === name);
      return row ? row.imagesPerSecond.toFixed(1) : "–";
    });
  });
  const parityLine = parity
    ? `Parity on this device: ${parity.passed} passed, ${parity.failed} failed, ${parity.skipped} skipped.`
    : "Parity was not run.";
  const reasons = new Set(
    missing.map(({ model, mode, batch, contestant, reason }) => {
      return `- ${contestant}, ${model}, ${mode}, batch ${batch}: ${reason}`;
    }),
  );
  return [
    "# GPU bench",
    "",
    ...machineLines(machine),
    "",
    parityLine,
    "",
    "Images per second, from the medians of all calls:",
    "",
    `| ${heading.join(" | ")} |`,
    `|${heading.map(() => "---").join("|")}|`,
    ...places.map((place, i) => `| ${place} | ${(cells[i] as string[]).join(" | ")} |`),
    ...(reasons.size > 0 ? ["", "Missing:", "", ...reasons] : []),
    "",
  ].join("\n");
}
