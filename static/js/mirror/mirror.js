/**
 * The mirror: the part of a scene in which a person sees how they come across. It owns the camera, the scores and
 * the drawer; the scene gives it events, and it says what the server should know.
 *
 * @typedef {import("../types.js").ServerEvent} ServerEvent
 * @typedef {import("../types.js").Scene} SceneRecord
 *
 * @typedef {object} MirrorHooks
 * @property {(event: Record<string, unknown>) => void} send
 * @property {(frame: ArrayBuffer) => void} frame
 */
import { byId } from "../dom.js";
import { onLanguage, t } from "../i18n.js";
import { dismiss } from "../notices.js";
import { load, save } from "../prefs.js";
import { reportAddress } from "../report-address.js";
import { Calibration } from "./calibration.js";
import { askConsent, initConsent } from "./consent.js";
import { Dials } from "./dials.js";
import { Drawer } from "./drawer.js";
import { initMenu } from "./menu.js";
import { Moments } from "./moments.js";
import { OwnPicture } from "./own-picture.js";
import { NAMES, Scores } from "./scores.js";

/** A tip that nobody has followed by then is gone: another may come. */
const TIP_MS = 14_000;

export class Mirror {
  /** @param {(item: string) => void} jump Shows a line of the script. */
  constructor(jump) {
    /** @type {MirrorHooks | null} */
    this.hooks = null;
    this.scores = new Scores();
    this.moments = new Moments();
    /** What the person has chosen; remembered. */
    this.wanted = load("expression_analysis") !== false;
    /** Whether the server reads faces at all. */
    this.offered = true;
    /** Whether what judges has been given up for now: the last scores stand, and say so. */
    this.lost = false;
    this.tipTimer = 0;
    this.drawer = new Drawer({ itemOf: (moment) => this.moments.itemOf(moment), jump });
    this.dials = new Dials((name) => this.drawer.open(name, this.scores));
    this.calibration = new Calibration((action) => this.hooks?.send({ type: "duologue.calibrate", action }));
    this.picture = new OwnPicture({
      frame: (frame) => this.hooks?.frame(frame),
      seen: (seen) => this.calibration.seen(seen),
      change: () => this.show(),
    });
    initConsent();
    initMenu();
    byId("camera").addEventListener("click", () => void this.toggleCamera());
    byId("calibrate").addEventListener("click", () => this.calibration.open());
    byId("analysis", HTMLInputElement).addEventListener("change", (event) => this.setAnalysis(/** @type {HTMLInputElement} */ (event.target).checked));
    onLanguage(() => this.show());
  }

  /**
   * @param {SceneRecord} record
   * @param {MirrorHooks} hooks
   */
  open(record, hooks) {
    this.hooks = hooks;
    this.scores = new Scores();
    this.moments = new Moments();
    this.offered = true;
    this.lost = false;
    byId("report", HTMLAnchorElement).href = reportAddress(record.id);
    this.showTip("");
    this.show();
  }

  close() {
    this.calibration.close();
    this.drawer.close();
    this.picture.close();
    this.hooks = null;
    this.showTip("");
    dismiss("camera");
  }

  /** Whether there is anything that a report could tell. */
  get hasScores() {
    return this.scores.details.size > 0;
  }

  /** Whether faces are read: the person wants it, and the server does it. */
  get withFace() {
    return this.wanted && this.offered;
  }

  /** @param {ServerEvent} event */
  handle(event) {
    this.moments.note(event, performance.now());
    switch (event.type) {
      case "session.created":
        this.lost = isWithoutCoach(event);
        this.created(event.session?.duologue?.expression_analysis);
        break;
      case "session.updated":
        // The person wants it and the server does not: it is switched off there.
        if (event.session?.duologue?.expression_analysis === false && this.wanted) this.setOffered(false);
        break;
      case "duologue.resumed":
        this.setLost(isWithoutCoach(event));
        break;
      case "duologue.notice":
        if (event.part === "coach") this.setLost(event.code === "part_failed");
        break;
      case "duologue.scores":
        this.lost = false;
        this.scores.take(event);
        this.show();
        break;
      case "duologue.show":
        if (event.what === "score" && this.hasScores) this.drawer.open(scoreOf(event.name), this.scores);
        break;
      case "duologue.tip":
        this.showTip(event.text ?? "");
        break;
    }
  }

  /** @param {unknown} analysis What the session does now. */
  created(analysis) {
    this.offered = true;
    if (typeof analysis === "boolean" ? analysis !== this.wanted : !this.wanted) this.tellAnalysis();
    this.show();
  }

  tellAnalysis() {
    this.hooks?.send({ type: "session.update", session: { type: "realtime", duologue: { expression_analysis: this.wanted } } });
  }

  /** @param {boolean} on */
  setAnalysis(on) {
    this.wanted = on;
    save("expression_analysis", on);
    if (!on) this.picture.close();
    this.tellAnalysis();
    this.show();
  }

  /** @param {boolean} offered */
  setOffered(offered) {
    this.offered = offered;
    if (!offered) this.picture.close();
    this.show();
  }

  /** @param {boolean} lost */
  setLost(lost) {
    this.lost = lost;
    if (lost) this.showTip("");
    this.show();
  }

  async toggleCamera() {
    if (this.picture.isOn) return this.picture.close();
    if (await askConsent()) await this.picture.open();
  }

  /** @param {string} words */
  showTip(words) {
    clearTimeout(this.tipTimer);
    byId("tip").textContent = words;
    byId("tip").dataset.on = String(words !== "");
    if (words) this.tipTimer = setTimeout(() => (byId("tip").dataset.on = "false"), TIP_MS);
  }

  show() {
    const { picture, withFace, lost } = this;
    this.dials.show(this.scores, { withFace, lost });
    if (this.drawer.dialog.open) this.drawer.show(this.scores);
    byId("camera").hidden = !withFace;
    byId("camera").setAttribute("aria-pressed", String(picture.isOn));
    byId("camera").title = t(picture.isOn ? "camera_off" : "camera_on");
    byId("camera").setAttribute("aria-label", byId("camera").title);
    byId("calibrate").hidden = !picture.isReading;
    const analysis = byId("analysis", HTMLInputElement);
    analysis.checked = withFace;
    analysis.disabled = !this.offered;
    byId("analysis-help").textContent = t(this.offered ? "analysis_help" : "analysis_off_here");
    picture.words();
  }
}

/**
 * Whether a session goes on without what judges.
 * @param {ServerEvent} event
 */
function isWithoutCoach(event) {
  const degraded = /** @type {any} */ (event).session?.duologue?.degraded;
  return Array.isArray(degraded) && degraded.some((one) => one?.part === "coach");
}

/**
 * The score that the persona wishes to be seen; all of them together when it names none.
 * @param {string | undefined} name
 */
function scoreOf(name) {
  return NAMES.find((known) => known === name) ?? "total_score";
}
