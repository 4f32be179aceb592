// Table: the GPU bench's figures as Markdown, a row for each model, mode and batch.

import { aimLine } from "./aims.js";
import type { GpuReport, Missing } from "./figures.js";
import type { Machine } from "./machine.js";
import type { TierParity } from "./parity.js";

/** Cases that failed, by name, in the table; the JSON has all. */
const MOST_FAILURES = 5;

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

function parityLine(parity: TierParity): string {
  if ("missing" in parity) return `- parity of tier ${parity.tier}: not known: ${parity.missing}`;
  const { tier, passed, failed, skipped, failures } = parity;
  const names = failures.map(
    ({ name, maxAbsError, tolerance }) => `${name} (${maxAbsError} of ${tolerance})`,
  );
  const which = names.length > 0 ? `: ${names.slice(0, MOST_FAILURES).join(", ")}` : "";
  return `- parity of tier ${tier}: ${passed} passed, ${failed} failed, ${skipped} skipped${which}`;
}

/** A line for each reason, with all whom it kept away. */
function missingLines(missing: readonly Missing[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { model, mode, batch, contestant, reason } of missing)
    byReason.set(reason, [...(byReason.get(reason) ?? []), `${contestant} ${model} ${mode} ${batch}`]);
  return [...byReason].map(([reason, who]) => `- ${reason}: ${who.join(", ")}`);
}

/** `| deit_tiny… | train | 8 | 412.0 | … |`: images/s of each contestant, and what is missing below. */
export function markdown({ machine, seconds, parity, aims, rows, missing }: GpuReport): string {
  const contestants = [...new Set([...rows, ...missing].map(({ contestant }) => contestant))].sort();
  const heading = ["model", "mode", "batch", ...contestants];
  const places = [...new Set(rows.map(({ model, mode, batch }) => `${model} | ${mode} | ${batch}`))];
  const cells = places.map((place) => {
    const here = rows.filter(({ model, mode, batch }) => `${model} | ${mode} | ${batch}` === place);
    return contestants.map((name) => {
      const row = here.find(({ contestant }) => contestant === name);
      return row ? row.imagesPerSecond.toFixed(1) : "–";
    });
  });
  return [
    "# GPU bench",
    "",
    ...machineLines(machine),
    `- ${seconds.toFixed(0)} s in all`,
    "",
    ...(parity.length > 0 ? parity.map(parityLine) : ["Parity was not run."]),
    ...(aims.length > 0 ? ["", "Aims:", "", ...aims.map(aimLine)] : []),
    "",
    "Images per second, from the medians of all calls:",
    "",
    `| ${heading.join(" | ")} |`,
    `|${heading.map(() => "---").join("|")}|`,
    ...places.map((place, i) => `| ${place} | ${(cells[i] as string[]).join(" | ")} |`),
    ...(missing.length > 0 ? ["", "Missing:", "", ...missingLines(missing)] : []),
    "",
  ].join("\n");
}
