/**
 * Reads the face in the camera's picture: hands pictures to the worker at a pace that the machine can keep, one at
 * a time, and passes on what comes back.
 *
 * @typedef {import("./landmark-frame.js").Landmarks} Landmarks
 *
 * @typedef {object} ReaderHooks
 * @property {(frame: ArrayBuffer) => void} frame For the server.
 * @property {(seen: Landmarks) => void} seen For the page.
 * @property {() => void} ready
 * @property {(code: string, message: string) => void} failed
 */
import { Pace } from "./pace.js";

/** Where our own server has what the worker loads. */
const ADDRESSES = { library: new URL("../../vendor/tasks-vision", import.meta.url).href, model: new URL("../../vendor/face_landmarker.task", import.meta.url).href };

export class FaceReader {
  /**
   * @param {HTMLVideoElement} video
   * @param {ReaderHooks} hooks
   */
  constructor(video, hooks) {
    this.video = video;
    this.hooks = hooks;
    this.pace = new Pace(navigator.hardwareConcurrency || 2);
    this.sequence = 0;
    this.ready = false;
    /** Whether the worker has a picture: the next one waits for it, and those between are not looked at. */
    this.busy = false;
    this.shownAt = -1;
    this.worker = new Worker(new URL("../workers/face-worker.js", import.meta.url));
    this.worker.onmessage = ({ data }) => this.told(data);
    this.worker.onerror = (event) => hooks.failed("face_failed", event.message ?? "");
    this.worker.postMessage({ type: "open", ...ADDRESSES });
    this.timer = setTimeout(() => void this.next(), 0);
  }

  close() {
    clearTimeout(this.timer);
    this.worker.terminate();
  }

  /** @param {any} data */
  told(data) {
    if (data.type === "failed") return this.hooks.failed(data.code, data.message);
    if (data.type === "ready") {
      this.ready = true;
      return this.hooks.ready();
    }
    this.busy = false;
    this.pace.took(data.ms);
    this.hooks.frame(data.bytes);
    this.hooks.seen(data.seen);
  }

  /** Hands over the picture of this moment, and sets the time of the next. */
  async next() {
    const begun = performance.now();
    const { video } = this;
    const isNew = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.currentTime !== this.shownAt;
    if (this.ready && !this.busy && isNew && !document.hidden) {
      this.busy = true;
      this.shownAt = video.currentTime;
      const picture = await createImageBitmap(video).catch(() => null);
      if (picture) this.worker.postMessage({ type: "look", picture, sequence: (this.sequence += 1), at: begun }, [picture]);
      else this.busy = false;
    }
    this.timer = setTimeout(() => void this.next(), Math.max(0, 1000 / this.pace.fps - (performance.now() - begun)));
  }
}
