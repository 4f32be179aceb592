// Ways: how pictures come into the page besides dropping and pasting: files, a folder, the camera, an address.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "../design/button.js";
import { LineForm } from "../design/line-form.js";
import { arrivalsOf } from "../exchange/arrivals.js";
import { Camera } from "./camera.js";
import type { PageState } from "./page-state.js";

interface WaysProps {
  page: PageState;
  /** In the invitation they are larger, and the first is the one to take. */
  inviting: boolean;
}

export function Ways({ page, inviting }: WaysProps) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const entering = useSignal(false);
  const weight = inviting ? "plain" : "small";
  // Preact knows no such attribute.
  useEffect(() => folder.current?.setAttribute("webkitdirectory", ""), []);
  const take = (input: HTMLInputElement) => {
    void page.receive(arrivalsOf(input.files ?? []));
    // Without this, choosing the same file again fires no event.
    input.value = "";
  };
  return (
    <div class={inviting ? "ways ways-inviting" : "ways"}>
      <Button
        weight={inviting ? "primary" : "small"}
        id={inviting ? "choose" : "another"}
        onClick={() => files.current?.click()}
      >
        Choose pictures
      </Button>
      {"webkitdirectory" in HTMLInputElement.prototype && (
        <Button weight={weight} onClick={() => folder.current?.click()}>
          Folder
        </Button>
      )}
      {Camera.available && (
        <Button weight={weight} id="open-camera" onClick={() => page.openCamera()}>
          Camera
        </Button>
      )}
      <Button
        weight={weight}
        aria-expanded={entering.value}
        onClick={() => {
          entering.value = !entering.value;
        }}
      >
        Web address
      </Button>
      {entering.value && (
        <LineForm
          label="Address of a picture"
          action="Look"
          placeholder="https://…/picture.jpg"
          name="address"
          focus
          submit={(address) => {
            entering.value = false;
            void page.receiveAddress(address);
          }}
        />
      )}
      <input
        ref={files}
        type="file"
        id="file"
        accept="image/*,.tif,.tiff,.ppm,.pgm,.heic"
        multiple
        hidden
        onChange={({ currentTarget }) => take(currentTarget)}
      />
      <input
        ref={folder}
        type="file"
        id="folder"
        multiple
        hidden
        onChange={({ currentTarget }) => take(currentTarget)}
      />
    </div>
  );
}
