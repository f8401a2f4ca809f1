/** The camera: permission, the picture in a `<video>`, and giving it back. */

/** Why there is no picture, as a key of the page's words. */
export class CameraError extends Error {
  /** @param {"camera_denied" | "camera_missing" | "camera_busy" | "camera_insecure"} code */
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** Enough for an iris of five pixels at arm's length; more costs time and finds nothing more. */
const PICTURE = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 30, max: 30 }, facingMode: "user" };

export class Camera {
  /**
   * @param {HTMLVideoElement} video
   * @param {() => void} lost The camera went away by itself.
   */
  constructor(video, lost) {
    this.video = video;
    this.lost = lost;
    /** @type {MediaStream | null} */
    this.stream = null;
  }

  /** Asks for the camera and shows its picture. Throws a {@link CameraError}. */
  async open() {
    this.stream = await askForCamera();
    this.stream.getVideoTracks()[0]?.addEventListener("ended", () => this.lost());
    this.video.srcObject = this.stream;
    await this.video.play();
  }

  get isOpen() {
    return this.stream !== null;
  }

  /** Gives the camera back: its light goes out. */
  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }
}

/** @returns {Promise<MediaStream>} */
async function askForCamera() {
  if (!navigator.mediaDevices?.getUserMedia) throw new CameraError("camera_insecure");
  try {
    return await navigator.mediaDevices.getUserMedia({ video: PICTURE });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError" || name === "SecurityError") throw new CameraError("camera_denied");
    if (name === "NotFoundError" || name === "OverconstrainedError") throw new CameraError("camera_missing");
    throw new CameraError("camera_busy");
  }
}
