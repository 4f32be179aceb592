// Result card: the picture with its verdict below, as one PNG to keep or to send.

import type { ClassScore } from "../../../runtime/inference/logits.js";
import type { ModelCard } from "../../browser/contract.js";
import { percent } from "../design/numbers.js";
import { splitSynonyms } from "./display-text.js";

const WIDTH = 1000;
const MARGIN = 48;
/** A panorama or a tower is not allowed to make the card endless. */
const MOST_HEIGHT = 1000;
const LINE = 44;

/** The page's own colors and type, of the scheme that is on. */
function looks() {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    paper: read("--mat"),
    ink: read("--ink"),
    soft: read("--soft-ink"),
    accent: read("--accent"),
    well: read("--well"),
    serif: read("--serif"),
    sans: read("--sans"),
  };
}

/** Throws where the browser cannot read the picture. */
export async function drawResultCard(
  file: File,
  card: ModelCard,
  classes: readonly ClassScore[],
): Promise<Blob> {
  const bitmap = await createImageBitmap(file);
  const inner = WIDTH - 2 * MARGIN;
  const scale = Math.min(inner / bitmap.width, MOST_HEIGHT / bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = Math.round(MARGIN + height + 150 + LINE * classes.length + 60);
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) throw new Error("this browser has no canvas");
  const { paper, ink, soft, accent, well, serif, sans } = looks();
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (WIDTH - width) / 2, MARGIN, width, height);
  bitmap.close();

  let y = MARGIN + height + 92;
  context.fillStyle = ink;
  context.font = `400 56px ${serif}`;
  context.fillText(splitSynonyms(classes[0]?.label ?? "")[0], MARGIN, y, inner);
  y += 30;
  for (const [place, { label, probability }] of classes.entries()) {
    y += LINE;
    context.font = `${place === 0 ? 600 : 400} 22px ${sans}`;
    context.fillStyle = ink;
    context.fillText(splitSynonyms(label)[0], MARGIN, y, 420);
    context.fillStyle = well;
    context.fillRect(MARGIN + 440, y - 12, 340, 8);
    context.fillStyle = place === 0 ? accent : soft;
    context.fillRect(MARGIN + 440, y - 12, Math.max(2, 340 * probability), 8);
    context.textAlign = "right";
    context.fillText(percent(probability), WIDTH - MARGIN, y);
    context.textAlign = "left";
  }
  context.fillStyle = soft;
  context.font = `400 18px ${sans}`;
  context.fillText(`${card.name} · Vitrine`, MARGIN, canvas.height - MARGIN + 12, inner);
  const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!png) throw new Error("the browser could not encode what it drew");
  return png;
}
