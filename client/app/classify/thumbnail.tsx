// Thumbnail: a small copy of a picture, made when it comes into view, one at a time, and kept as a small JPEG. A
// thousand full pictures would fill the browser's memory.

import { useEffect, useRef } from "preact/hooks";
import type { Picture } from "./pictures.js";

const WIDTH = 240;
const HEIGHT = 180;

let last: Promise<unknown> = Promise.resolve();

/** The middle of the picture that fills a thumbnail. */
async function shrink(file: File): Promise<string> {
  const bitmap = await createImageBitmap(file);
  try {
    const scale = Math.max(WIDTH / bitmap.width, HEIGHT / bitmap.height);
    const [width, height] = [bitmap.width * scale, bitmap.height * scale];
    const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
    const context = canvas.getContext("2d", { alpha: false });
    if (!context) throw new Error("no canvas");
    // Behind what is transparent, the ground on which the stage shows it.
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--mat").trim();
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, (WIDTH - width) / 2, (HEIGHT - height) / 2, width, height);
    return URL.createObjectURL(await canvas.convertToBlob({ type: "image/jpeg", quality: 0.82 }));
  } finally {
    bitmap.close();
  }
}

/** Makes the copy after those that were asked for before. */
async function make({ file, thumbnail }: Picture): Promise<void> {
  if (thumbnail.value !== undefined) return;
  thumbnail.value = await shrink(file).catch(() => null);
}

export function Thumbnail({ picture }: { picture: Picture }) {
  const url = picture.thumbnail.value;
  const { kind } = picture.verdict.value;
  // The verdict goes first: a large picture is not decoded twice at once.
  const due = kind === "classified" || kind === "failed";
  const box = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!due || picture.thumbnail.value !== undefined || !element) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (!entry?.isIntersecting) return;
        observer.disconnect();
        last = last.then(() => make(picture));
      },
      { rootMargin: "200px" },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [picture, due]);
  return (
    <span ref={box} class="thumbnail">
      {url && <img class="thumbnail-picture" src={url} alt="" width={WIDTH} height={HEIGHT} />}
      {url === null && <span class="thumbnail-none">{picture.name.split(".").at(-1)}</span>}
    </span>
  );
}
