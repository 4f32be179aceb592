// Samples: drawn pictures to click, for a visitor without a photograph at hand.

import balloon from "./samples/balloon.svg";
import candle from "./samples/candle.svg";
import clock from "./samples/clock.svg";
import daisy from "./samples/daisy.svg";
import lantern from "./samples/jack-o-lantern.svg";
import lighthouse from "./samples/lighthouse.svg";
import bus from "./samples/school-bus.svg";
import light from "./samples/traffic-light.svg";

export interface Sample {
  name: string;
  /** Address of the SVG file. */
  url: string;
}

export const SAMPLES: readonly Sample[] = [
  { name: "Lighthouse", url: lighthouse },
  { name: "Daisies", url: daisy },
  { name: "Traffic light", url: light },
  { name: "Candle", url: candle },
  { name: "School bus", url: bus },
  { name: "Balloon", url: balloon },
  { name: "Clock", url: clock },
  { name: "Pumpkin", url: lantern },
];

/** A sample as a file. */
export async function fetchSample({ name, url }: Sample): Promise<File> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
  return new File([await response.blob()], `${name}.svg`, { type: "image/svg+xml" });
}
