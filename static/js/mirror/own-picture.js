/**
 * A person's own picture in the scene: the camera, the face read in it, and what is drawn over it.
 *
 * @typedef {import("./landmark-frame.js").Landmarks} Landmarks
 *
 * @typedef {object} PictureHooks
 * @property {(frame: ArrayBuffer) => void} frame For the server.
 * @property {(seen: Landmarks) => void} seen
 * @property {() => void} change The camera went on or off, or something about it can now be said.
 */
import { byId } from "../dom.js";
import { t } from "../i18n.js";
import { dismiss, notify } from "../notices.js";
import { Camera, CameraError } from "./camera.js";
import { FaceReader } from "./face-reader.js";
import { Overlay } from "./overlay.js";

/** A face that is away for a moment is not worth a word. */
const AWAY_MS = 1_200;

export class OwnPicture {
  /** @param {PictureHooks} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    this.box = byId("own");
    this.camera = new Camera(byId("own-video", HTMLVideoElement), () => this.lost());
    this.overlay = new Overlay(byId("own-overlay", HTMLCanvasElement), byId("own-blinks", HTMLCanvasElement));
    /** @type {FaceReader | null} */
    this.reader = null;
    /** Why no face is read although the camera is on. @type {string | null} */
    this.failure = null;
    this.seenAt = 0;
    this.opening = false;
  }

  get isOn() {
    return this.camera.isOpen;
  }

  /** Whether faces are being read. */
  get isReading() {
    return this.reader?.ready ?? false;
  }

  async open() {
    if (this.isOn || this.opening) return;
    this.opening = true;
    this.failure = null;
    try {
      await this.camera.open();
      dismiss("camera");
      if (this.opening) this.begin();
      else this.camera.close();
    } catch (error) {
      this.camera.close();
      const code = error instanceof CameraError ? error.code : "camera_busy";
      notify("camera", { level: "warning", words: () => t(code) });
    }
    this.opening = false;
    this.words();
    this.hooks.change();
  }

  begin() {
    const { videoWidth, videoHeight } = this.camera.video;
    if (videoWidth > 0 && videoHeight > 0) this.box.style.setProperty("--shape", `${videoWidth} / ${videoHeight}`);
    this.seenAt = performance.now();
    this.reader = new FaceReader(this.camera.video, {
      frame: this.hooks.frame,
      seen: (seen) => this.seen(seen),
      ready: () => {
        this.seenAt = performance.now();
        this.words();
        this.hooks.change();
      },
      failed: (code, message) => this.failed(code, message),
    });
  }

  /** The camera's light goes out, and nothing is read any more. */
  close() {
    this.opening = false;
    this.reader?.close();
    this.reader = null;
    this.camera.close();
    this.overlay.clear();
    this.words();
    this.hooks.change();
  }

  lost() {
    this.close();
    notify("camera", { level: "warning", words: () => t("camera_lost") });
  }

  /**
   * Without its model the camera is of no use, and an eye that sees nothing should not be open.
   * @param {string} code
   * @param {string} message
   */
  failed(code, message) {
    this.close();
    const key = code === "face_model_missing" || code === "face_library_missing" ? code : "face_failed";
    notify("camera", { level: "warning", words: () => t(key), detail: message });
  }

  /** @param {Landmarks} seen */
  seen(seen) {
    if (seen.faces > 0) this.seenAt = performance.now();
    this.overlay.draw(seen);
    this.words();
    this.hooks.seen(seen);
  }

  /** What is said under the picture; cheap when nothing changed. */
  words() {
    this.box.hidden = !this.isOn;
    const away = this.isReading && performance.now() - this.seenAt > AWAY_MS;
    put(byId("own-words"), !this.isReading ? t("own_loading") : away ? t("own_none") : "");
    const { pace } = this.reader ?? {};
    const shown = this.isReading && pace ? pace : null;
    put(byId("own-pace"), shown ? t("own_pace", { fps: shown.fps }) : "");
    byId("own-pace").title = shown ? t("own_pace_title", { fps: shown.fps, ms: Math.round(shown.ms) }) : "";
    this.box.dataset.reading = String(this.isReading);
    this.box.dataset.face = String(this.isReading && !away);
  }
}

/**
 * @param {HTMLElement} element
 * @param {string} words
 */
function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
