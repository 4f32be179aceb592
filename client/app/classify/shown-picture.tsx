// Shown picture: the picture on display, and over the part that the model sees what is known about it.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { PictureArea } from "../../../runtime/image/evaluation-crop.js";
import { LayerView } from "./attention-view.js";
import { CoverView } from "./cover-view.js";
import { useObjectUrl } from "./object-url.js";
import type { PageState } from "./page-state.js";
import type { Picture } from "./pictures.js";
import { Spotlight } from "./spotlight.js";
import { hasTransparency } from "./transparency.js";

interface Size {
  width: number;
  height: number;
}

interface ShownPictureProps {
  page: PageState;
  picture: Picture;
}

export function ShownPicture({ page, picture }: ShownPictureProps) {
  const { lens, layer, head, attention } = page.explanations;
  const url = useObjectUrl(picture.file);
  /** Undefined until the browser has read it; null where it cannot. */
  const size = useSignal<Size | null | undefined>(undefined);
  const verdict = picture.verdict.value;
  const classification = verdict.kind === "classified" ? verdict.classification : undefined;
  const looked = attention.value.kind === "done" ? attention.value.result.attention : undefined;
  if (size.value === null)
    return (
      <p class="unshown">
        {classification
          ? "This browser cannot show the file, but the model has read it."
          : "This browser cannot show the file."}
      </p>
    );
  if (lens.value === "attention" && layer.value !== undefined && classification && looked?.tokens.length)
    return (
      <LayerView
        picture={picture}
        classification={classification}
        attention={looked}
        layer={Math.min(layer.value, looked.depth - 1)}
        head={head.value}
      />
    );
  const { width, height } = size.value ?? { width: 4, height: 3 };
  return (
    <div class="picture-box" style={{ "--ratio": width / height }}>
      <img
        class="photograph"
        id="photograph"
        src={url}
        alt={picture.name}
        hidden={url === undefined}
        onLoad={({ currentTarget }) => {
          size.value = { width: currentTarget.naturalWidth, height: currentTarget.naturalHeight };
          picture.transparent.value = hasTransparency(currentTarget);
        }}
        onError={() => {
          size.value = null;
        }}
      />
      {size.value && classification && (
        <Crop area={classification.crop} whole={classification.picture}>
          {lens.value === "attention" && looked && <Spotlight values={looked.rollout} grid={looked.grid} />}
          {lens.value === "cover" && <CoverView explanations={page.explanations} />}
        </Crop>
      )}
    </div>
  );
}

interface CropProps {
  area: PictureArea;
  whole: Size;
  children?: ComponentChildren;
}

/** Marks what the model sees; the sides that it does not see are dimmed a little. */
export function Crop({ area, whole, children }: CropProps) {
  const part = (value: number, of: number) => `${(100 * value) / of}%`;
  return (
    <div
      class="crop"
      style={{
        left: part(area.x, whole.width),
        top: part(area.y, whole.height),
        width: part(area.width, whole.width),
        height: part(area.height, whole.height),
      }}
    >
      {children}
    </div>
  );
}
