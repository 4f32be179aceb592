// Button: a real button in three weights.

import type { ComponentProps } from "preact";

interface ButtonProps extends Omit<ComponentProps<"button">, "type" | "class"> {
  /** `primary`: the one thing to do here. Default `plain`. */
  weight?: "primary" | "plain" | "small";
}

export function Button({ weight = "plain", ...rest }: ButtonProps) {
  return <button type="button" class={weight === "plain" ? "button" : `button button-${weight}`} {...rest} />;
}
