// Shown picture: the picture on display, and on it the part that the model sees.

import { useSignal } from "@preact/signals";
import type { PictureArea } from "../../../runtime/image/evaluation-crop.js";
import { useObjectUrl } from "./object-url.js";
import type { Picture } from "./pictures.js";

interface Size {
  width: number;
  height: number;
}

export function ShownPicture({ picture }: { picture: Picture }) {
  const url = useObjectUrl(picture.file);
  /** Undefined until the browser has read it; null where it cannot. */
  const size = useSignal<Size | null | undefined>(undefined);
  const verdict = picture.verdict.value;
  const classification = verdict.kind === "classified" ? verdict.classification : undefined;
  if (size.value === null)
    return (
      <p class="unshown">
        {classification
          ? "This browser cannot show the file, but the model has read it."
          : "This browser cannot show the file."}
      </p>
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
        }}
        onError={() => {
          size.value = null;
        }}
      />
      {size.value && classification && <Crop area={classification.crop} whole={classification.picture} />}
    </div>
  );
}

/** The sides that the model does not see are dimmed a little. */
export function Crop({ area, whole }: { area: PictureArea; whole: Size }) {
  const part = (value: number, of: number) => `${(100 * value) / of}%`;
  return (
    <div
      class="crop"
      aria-hidden="true"
      style={{
        left: part(area.x, whole.width),
        top: part(area.y, whole.height),
        width: part(area.width, whole.width),
        height: part(area.height, whole.height),
      }}
    />
  );
}
