// Class card: one class, with its name and its pictures, and the ways to bring more.

import { useRef, useState } from "preact/hooks";
import { Button } from "../design/button.js";
import { Field } from "../design/field.js";
import { arrivalsOf } from "../exchange/arrivals.js";
import { CameraCapture, hasCamera } from "./camera-capture.js";
import type { LabeledClass, LabeledClasses } from "./labeled-classes.js";
import { Thumbnail } from "./thumbnail.js";

/** Thumbnails of a class; the others are counted. */
const MOST_SHOWN = 18;

interface ClassCardProps {
  classes: LabeledClasses;
  one: LabeledClass;
  /** From 1. */
  place: number;
  disabled: boolean;
  /** Called with the number of pictures that there was no room for. */
  leftOut(count: number): void;
}

export function ClassCard({ classes, one, place, disabled, leftOut }: ClassCardProps) {
  const input = useRef<HTMLInputElement>(null);
  const [camera, setCamera] = useState(false);
  const { id, name, pictures } = one;
  const title = name.trim() || `class ${place}`;
  const add = (files: readonly File[]) => leftOut(classes.add(id, files));
  const more = pictures.length - MOST_SHOWN;
  return (
    <li class="class-card">
      <div class="class-head">
        <Field label={`Class ${place}`}>
          {(field) => (
            <input
              class="input class-name"
              id={field}
              type="text"
              value={name}
              maxLength={80}
              placeholder={place === 1 ? "such as cup" : "such as spoon"}
              autocomplete="off"
              disabled={disabled}
              onInput={({ currentTarget }) => classes.rename(id, currentTarget.value)}
            />
          )}
        </Field>
        <Button
          weight="small"
          disabled={disabled}
          onClick={() => classes.removeClass(id)}
          aria-label={`Remove ${title}`}
        >
          Remove
        </Button>
      </div>
      {pictures.length > 0 && (
        <ul class="thumbnails" aria-label={`Pictures of ${title}`}>
          {pictures.slice(0, MOST_SHOWN).map((picture) => (
            <li key={picture.id}>
              <Thumbnail
                picture={picture}
                disabled={disabled}
                remove={() => classes.removePicture(id, picture.id)}
              />
            </li>
          ))}
          {more > 0 && <li class="thumbnails-more">and {more} more</li>}
        </ul>
      )}
      {camera && <CameraCapture label={title} take={(file) => add([file])} close={() => setCamera(false)} />}
      <div class="class-ways">
        <Button disabled={disabled} onClick={() => input.current?.click()}>
          Add pictures
        </Button>
        {hasCamera() && !camera && (
          <Button disabled={disabled} onClick={() => setCamera(true)}>
            Camera
          </Button>
        )}
        <p class="quiet" aria-live="polite">
          {pictures.length === 1 ? "1 picture" : `${pictures.length} pictures`}
        </p>
      </div>
      <input
        ref={input}
        class="class-files"
        type="file"
        accept="image/*"
        multiple
        hidden
        aria-label={`Pictures of ${title}`}
        onChange={({ currentTarget }) => {
          add(arrivalsOf(currentTarget.files ?? []).map(({ file }) => file));
          currentTarget.value = "";
        }}
      />
    </li>
  );
}
