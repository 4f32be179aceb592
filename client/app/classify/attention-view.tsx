// Attention view: the rollout of all layers over the whole picture, or one layer from each token side by side.

import type { Attention, Classification } from "../../browser/contract.js";
import { Segmented } from "../design/segmented.js";
import { Slider } from "../design/slider.js";
import { CroppedPicture } from "./cropped-picture.js";
import type { Explanations } from "./explanations.js";
import type { Picture } from "./pictures.js";
import { brightestPlace, Spotlight } from "./spotlight.js";

/** Map [grid, grid] of a layer and token: of one head, or the mean of all. */
function mapOf(
  { maps, grid, heads, tokens }: Attention,
  layer: number,
  head: number | undefined,
  token: number,
) {
  const patches = grid * grid;
  const map = (head: number) => {
    const start = ((layer * heads + head) * tokens.length + token) * patches;
    return maps.subarray(start, start + patches);
  };
  if (head !== undefined) return map(head);
  const mean = new Float32Array(patches);
  for (let each = 0; each < heads; each++)
    for (const [index, value] of map(each).entries()) mean[index] = (mean[index] ?? 0) + value / heads;
  return mean;
}

interface LayerViewProps {
  picture: Picture;
  classification: Classification;
  attention: Attention;
  layer: number;
  head: number | undefined;
}

/** The class token's attention and the distillation token's, side by side. */
export function LayerView({ picture, classification, attention, layer, head }: LayerViewProps) {
  return (
    <div class="tokens">
      {attention.tokens.map((token, place) => {
        const values = mapOf(attention, layer, head, place);
        return (
          <figure class="token" key={token}>
            <CroppedPicture file={picture.file} area={classification.input}>
              <Spotlight values={values} grid={attention.grid} />
            </CroppedPicture>
            <figcaption class="quiet">
              {`From the ${token} token; brightest: ${brightestPlace(values, attention.grid)}`}
            </figcaption>
          </figure>
        );
      })}
    </div>
  );
}

interface AttentionControlsProps {
  explanations: Explanations;
  attention: Attention;
}

export function AttentionControls({ explanations, attention }: AttentionControlsProps) {
  const { layer, head } = explanations;
  const { depth, heads, tokens } = attention;
  // A model that averages its patches has no token whose attention could be shown.
  if (tokens.length === 0) return null;
  return (
    <>
      <Segmented
        label="Layers"
        options={[
          { value: "all", label: "All layers" },
          { value: "one", label: "One layer" },
        ]}
        value={layer.value === undefined ? "all" : "one"}
        choose={(value) => {
          layer.value = value === "all" ? undefined : depth - 1;
        }}
      />
      {layer.value !== undefined && (
        <>
          <Slider
            label="Layer"
            least={1}
            most={depth}
            value={layer.value + 1}
            text={`${layer.value + 1} of ${depth}`}
            change={(value) => {
              layer.value = value - 1;
            }}
          />
          <Slider
            label="Head"
            least={0}
            most={heads}
            value={head.value === undefined ? 0 : head.value + 1}
            text={head.value === undefined ? `all ${heads}` : `${head.value + 1} of ${heads}`}
            change={(value) => {
              head.value = value === 0 ? undefined : value - 1;
            }}
          />
        </>
      )}
    </>
  );
}
