// Camera capture: what the camera sees, and a button that takes a picture of it; held down, it takes four a second.

import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../design/button.js";

export const hasCamera = (): boolean => navigator.mediaDevices?.getUserMedia !== undefined;

const INTERVAL_MS = 250;
const JPEG_QUALITY = 0.92;

/** The video's frame of this moment, a JPEG file; null before the first one. */
export async function frameOf(video: HTMLVideoElement): Promise<File | null> {
  if (video.videoWidth === 0) return null;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  const jpeg = await new Promise<Blob | null>((resolve) =>
    canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY),
  );
  return jpeg && new File([jpeg], "camera.jpg", { type: "image/jpeg" });
}

/** The camera in a video element, for as long as the component is there; undefined, or why it cannot be opened. */
function useCamera(video: { current: HTMLVideoElement | null }): string | undefined {
  const [refused, setRefused] = useState<string>();
  useEffect(() => {
    let stream: MediaStream | undefined;
    let isGone = false;
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, facingMode: "environment" } }).then(
      (opened) => {
        stream = opened;
        if (isGone) stop();
        else if (video.current) video.current.srcObject = opened;
      },
      (error: unknown) => {
        console.warn(error);
        setRefused("The camera could not be opened. Allow it in the browser's address bar, then try again.");
      },
    );
    return () => {
      isGone = true;
      stop();
    };
  }, []);
  return refused;
}

interface CameraVideoProps {
  video: { current: HTMLVideoElement | null };
  label: string;
}

export function CameraVideo({ video, label }: CameraVideoProps) {
  const refused = useCamera(video);
  if (refused !== undefined) return <p role="alert">{refused}</p>;
  return <video ref={video} class="capture-video" autoPlay muted playsInline aria-label={label} />;
}

interface CameraCaptureProps {
  /** Of the class that the pictures are of. */
  label: string;
  take(file: File): void;
  close(): void;
}

export function CameraCapture({ label, take, close }: CameraCaptureProps) {
  const video = useRef<HTMLVideoElement>(null);
  const timer = useRef<ReturnType<typeof setInterval> | undefined>(undefined);
  const shoot = async () => {
    const file = video.current && (await frameOf(video.current));
    if (file) take(file);
  };
  const release = () => clearInterval(timer.current);
  const hold = () => {
    release();
    timer.current = setInterval(() => void shoot(), INTERVAL_MS);
  };
  useEffect(() => release, []);
  return (
    <div class="capture">
      <CameraVideo video={video} label={`Camera for ${label}`} />
      <div class="class-ways">
        <Button
          weight="primary"
          onClick={() => void shoot()}
          onPointerDown={hold}
          onPointerUp={release}
          onPointerLeave={release}
        >
          Take a picture
        </Button>
        <Button onClick={close}>Close the camera</Button>
      </div>
    </div>
  );
}
