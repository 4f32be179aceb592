// Thumbnail: a small picture of a class, with the button that takes it away.

import { useEffect, useState } from "preact/hooks";
import type { OwnPicture } from "./labeled-classes.js";

interface ThumbnailProps {
  picture: OwnPicture;
  disabled: boolean;
  remove(): void;
}

export function Thumbnail({ picture, disabled, remove }: ThumbnailProps) {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(picture.file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [picture.file]);
  return (
    <button
      type="button"
      class="thumbnail"
      title={`Remove ${picture.name}`}
      aria-label={`Remove ${picture.name}`}
      disabled={disabled}
      onClick={remove}
    >
      {address !== undefined && <img src={address} alt="" width={64} height={64} decoding="async" />}
    </button>
  );
}
