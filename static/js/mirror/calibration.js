/**
 * Ten seconds of a neutral face, looking at the camera: what this person's scores are compared with.
 *
 * @typedef {"idle" | "running" | "done" | "failed"} Phase
 */
import { byId } from "../dom.js";
import { t } from "../i18n.js";

/** How long a face must have been seen. */
export const NEEDED_MS = 10_000;

/** When it has not been by then, something is wrong with the light. */
const LONGEST_MS = 30_000;

/** A gap between two pictures counts at most this much. */
const LONGEST_GAP_MS = 300;

/** How far a calibration has come. Pure. */
export class Progress {
  /** @param {number} now */
  constructor(now) {
    this.begun = now;
    this.last = now;
    this.seenMs = 0;
    this.face = true;
  }

  /**
   * @param {boolean} face Whether there is one in the picture.
   * @param {number} now
   * @returns {"running" | "done" | "failed"}
   */
  look(face, now) {
    this.face = face;
    if (face) this.seenMs += Math.min(LONGEST_GAP_MS, now - this.last);
    this.last = now;
    if (this.seenMs >= NEEDED_MS) return "done";
    return now - this.begun > LONGEST_MS ? "failed" : "running";
  }
}

export class Calibration {
  /** @param {(action: "begin" | "end" | "clear") => void} tell The server. */
  constructor(tell) {
    this.tell = tell;
    /** @type {Phase} */
    this.phase = "idle";
    /** @type {Progress | null} */
    this.progress = null;
    this.dialog = byId("calibration", HTMLDialogElement);
    byId("calibration-start").addEventListener("click", () => (this.phase === "done" ? this.dialog.close() : this.begin()));
    byId("calibration-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.stop());
  }

  open() {
    this.phase = "idle";
    this.progress = null;
    this.words();
    this.dialog.showModal();
    byId("calibration-start").focus();
  }

  begin() {
    this.progress = new Progress(performance.now());
    this.phase = "running";
    this.tell("begin");
    this.words();
  }

  /** Closed before its end: what was begun is not to be used. */
  stop() {
    if (this.phase === "running") this.tell("clear");
    this.phase = "idle";
    this.progress = null;
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  /** @param {{faces: number}} seen */
  seen({ faces }) {
    if (this.phase !== "running" || !this.progress) return;
    this.phase = this.progress.look(faces > 0, performance.now());
    if (this.phase !== "running") this.tell(this.phase === "done" ? "end" : "clear");
    this.words();
  }

  words() {
    const { phase, progress } = this;
    const share = phase === "done" ? 1 : Math.min(1, (progress?.seenMs ?? 0) / NEEDED_MS);
    this.dialog.dataset.phase = phase;
    byId("calibration-ring").style.setProperty("--share", share.toFixed(3));
    byId("calibration-ring").setAttribute("aria-valuenow", String(Math.round(share * 100)));
    const left = Math.ceil((1 - share) * (NEEDED_MS / 1000));
    byId("calibration-left").textContent = phase === "running" ? String(left) : "";
    byId("calibration-words").textContent = this.sentence(left);
    const start = byId("calibration-start", HTMLButtonElement);
    start.disabled = phase === "running";
    start.textContent = t(phase === "done" ? "close" : phase === "failed" ? "retry" : "calibrate_start");
    if (phase === "done") start.focus();
  }

  /** @param {number} left */
  sentence(left) {
    switch (this.phase) {
      case "running":
        return this.progress?.face ? t("calibrate_go_on", { left }) : t("calibrate_no_face");
      case "done":
        return t("calibrate_done");
      case "failed":
        return t("calibrate_gave_up");
      default:
        return t("calibrate_words");
    }
  }
}
