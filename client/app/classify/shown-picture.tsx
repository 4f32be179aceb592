// Shown picture: the picture on display, and over the part that the model sees what is known about it.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { PictureArea } from "../../../runtime/image/evaluation-crop.js";
import type { Classification } from "../../browser/contract.js";
import { LayerView } from "./attention-view.js";
import { CoverView } from "./cover-view.js";
import { STEPS } from "./explanations.js";
import { useObjectUrl } from "./object-url.js";
import type { PageState } from "./page-state.js";
import type { Picture } from "./pictures.js";
import { Spotlight } from "./spotlight.js";
import { hasTransparency, mayBeTransparent } from "./transparency.js";

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
  // The verdict goes first: a large picture is not decoded twice at once, and one that is superseded not at all.
  useEffect(() => {
    if (!classification || !mayBeTransparent(classification.picture)) return;
    void hasTransparency(picture.file).then((found) => {
      picture.transparent.value = found;
    });
  }, [picture, classification]);
  const scan = page.explanations.scan.value;
  const drops = scan.kind === "done" ? scan.result.occlusion?.drops : undefined;
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
        }}
        onError={() => {
          size.value = null;
        }}
      />
      {size.value && classification && (
        <Crop area={classification.crop} whole={classification.picture}>
          {lens.value === "attention" && looked && (
            <OverInput classification={classification}>
              <Spotlight values={looked.rollout} grid={looked.grid} />
            </OverInput>
          )}
          {lens.value === "cover" && drops && (
            <OverInput classification={classification}>
              <Spotlight values={drops} grid={STEPS} />
            </OverInput>
          )}
          {lens.value === "cover" && <CoverView explanations={page.explanations} />}
        </Crop>
      )}
    </div>
  );
}

/** An area of pixels as a place in `whole`. */
function placeOf(area: PictureArea, whole: PictureArea) {
  const part = (value: number, of: number) => `${(100 * value) / of}%`;
  return {
    left: part(area.x - whole.x, whole.width),
    top: part(area.y - whole.y, whole.height),
    width: part(area.width, whole.width),
    height: part(area.height, whole.height),
  };
}

interface OverInputProps {
  classification: Classification;
  children: ComponentChildren;
}

/** Over the marked part lies what is known of the model's input; its border, if it has one, is cut off. */
function OverInput({ classification: { crop, input }, children }: OverInputProps) {
  return (
    <div class="over-input">
      <div class="over-input-whole" style={placeOf(input, crop)}>
        {children}
      </div>
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
  return (
    <div class="crop" style={placeOf(area, { x: 0, y: 0, ...whole })}>
      {children}
    </div>
  );
}
