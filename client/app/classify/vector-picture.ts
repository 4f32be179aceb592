// Vector picture: an SVG file drawn into pixels, since a model needs pixels. The browser runs no scripts in it and
// fetches nothing for it, as everywhere where an <img> shows SVG.

/** Long side in pixels: sharp in the frame, and several times what a model reads. */
const LONG_SIDE = 1280;

export function isVector(file: File): boolean {
  return file.type === "image/svg+xml" || /\.svg$/i.test(file.name);
}

/** The file as PNG under its own name, on white where it is transparent. Throws where the browser finds no picture in it. */
export async function drawVector(file: File): Promise<File> {
  const url = URL.createObjectURL(new Blob([file], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const scale = LONG_SIDE / Math.max(image.naturalWidth, image.naturalHeight, 1);
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
    canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
    const context = canvas.getContext("2d", { alpha: false });
    if (!context) throw new Error("this browser has no canvas");
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!png) throw new Error("the browser could not encode what it drew");
    return new File([png], file.name, { type: "image/png" });
  } finally {
    URL.revokeObjectURL(url);
  }
}
