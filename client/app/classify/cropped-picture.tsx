// Cropped picture: the model's input, as a square to draw upon: the part of a picture that it sees, and its border.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { PictureArea } from "../../../runtime/image/evaluation-crop.js";

interface CroppedPictureProps {
  file: File;
  /** In the upright picture's pixels; what is outside the picture stays empty. */
  area: PictureArea;
  children?: ComponentChildren;
}

/** Side in pixels: sharp at half of a large screen. */
const SIDE = 640;

export function CroppedPicture({ file, area, children }: CroppedPictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let gone = false;
    const { x, y, width, height } = area;
    const draw = async () => {
      const whole = await createImageBitmap(file);
      const context = gone ? null : canvas.current?.getContext("2d");
      if (context) {
        context.imageSmoothingQuality = "high";
        context.drawImage(whole, x, y, width, height, 0, 0, SIDE, SIDE);
      }
      whole.close();
    };
    draw().catch((error) => console.warn(error));
    return () => {
      gone = true;
    };
  }, [file, area]);
  return (
    <div class="cropped">
      <canvas
        ref={canvas}
        class="cropped-canvas"
        width={SIDE}
        height={SIDE}
        role="img"
        aria-label="The part of the picture that the model sees"
      />
      {children}
    </div>
  );
}
