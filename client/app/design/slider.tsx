// Slider: a number within a range, with what it means at its side.

import { Field } from "./field.js";

interface SliderProps {
  label: string;
  least: number;
  most: number;
  value: number;
  /** The value in words, such as "layer 3 of 12": shown, and read by screen readers. */
  text: string;
  change(value: number): void;
}

export function Slider({ label, least, most, value, text, change }: SliderProps) {
  return (
    <Field label={label}>
      {(id) => (
        <div class="slider">
          <input
            class="slider-input"
            id={id}
            type="range"
            min={least}
            max={most}
            step={1}
            value={value}
            aria-valuetext={text}
            onInput={({ currentTarget }) => change(currentTarget.valueAsNumber)}
          />
          <output class="slider-text" for={id}>
            {text}
          </output>
        </div>
      )}
    </Field>
  );
}
