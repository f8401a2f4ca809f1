/**
 * What a scene shows: the stage with its portrait, caption, meters and controls.
 *
 * @typedef {import("./types.js").Persona} Persona
 * @typedef {import("./types.js").Language} Language
 * @typedef {import("./types.js").Latency} Latency
 * @typedef {import("./conversation.js").Line} Line
 * @typedef {"connecting" | "reconnecting" | "offline" | "ready" | "listening" | "hearing" | "thinking" | "speaking" | "held" | "muted" | "hold"} SceneState
 */
import { byId, make } from "./dom.js";
import { hasWords, onLanguage, seconds, t } from "./i18n.js";
import { Face } from "./face.js";
import { LineMark } from "./line-mark.js";
import { readLook } from "./look.js";
import { Mirror } from "./mirror/mirror.js";
import { drawPortrait } from "./portrait.js";
import { ScriptView } from "./script.js";
import { profileOf } from "./types.js";
import { drawWaterfall } from "./waterfall.js";

/** Lamps on each side of the name. */
const LAMPS = 10;

/** @type {Record<SceneState, import("./face.js").Mood>} */
const MOODS = {
  connecting: "idle", reconnecting: "idle", offline: "idle", ready: "idle", muted: "idle", hold: "idle",
  listening: "listening", hearing: "listening", held: "listening", thinking: "thinking", speaking: "speaking",
};

export class SceneView {
  constructor() {
    /** @type {Persona | null} */
    this.persona = null;
    this.name = "";
    /** @type {Language} */
    this.language = "en";
    /** The line that is being said now. @type {string | null} */
    this.speaking = null;
    /** @type {Face | null} */
    this.face = null;
    /** @type {SceneState} */
    this.state = "connecting";
    /** @type {Latency | null} */
    this.latency = null;
    this.controls = { micOn: false, holdMode: false, holding: false, canInterrupt: false, canHear: true };
    this.script = new ScriptView({
      name: () => this.name,
      language: () => this.language,
      timing: (line) => {
        byId("timing", HTMLDetailsElement).open = true;
        this.showTiming(line.latency);
      },
      speaking: (id) => this.speaking === id,
    });
    this.line = new LineMark();
    this.mirror = new Mirror((item) => this.script.jump(item));
    for (const id of ["lamps-you", "lamps-persona"]) {
      byId(id).replaceChildren(...Array.from({ length: LAMPS }, () => make("i", {})));
    }
    onLanguage(() => this.words());
  }

  /**
   * @param {Persona} persona
   * @param {Language} language
   * @param {{viseme: () => string, level: () => number}} voice
   */
  open(persona, language, voice) {
    this.persona = persona;
    this.name = profileOf(persona, language).name;
    this.language = language;
    this.script.clear();
    this.setManner("full", null);
    this.showTiming(null);
    this.face?.stop();
    const svg = drawPortrait(persona, t("portrait_of", { name: this.name }));
    byId("actor").replaceChildren(svg);
    byId("window").style.setProperty("--backdrop", readLook(persona.portrait, persona.id).backdrop);
    this.face = new Face(svg, voice.viseme, voice.level);
    byId("closeness").hidden = true;
    this.caption(null);
    this.words();
  }

  close() {
    this.face?.stop();
    this.face = null;
  }

  /** Everything that depends on the language of the page. */
  words() {
    const { name } = this;
    byId("stage-name").textContent = name;
    byId("lamps-you").setAttribute("aria-label", t("level_you"));
    byId("lamps-persona").setAttribute("aria-label", t("level_persona", { name }));
    byId("actor").querySelector("svg")?.setAttribute("aria-label", t("portrait_of", { name }));
    const text = byId("text", HTMLInputElement);
    text.placeholder = t("write", { name });
    text.setAttribute("aria-label", t("write", { name }));
    this.setState(this.state);
    this.setControls({});
    this.showTiming(this.latency);
  }

  /** @param {SceneState} state */
  setState(state) {
    this.state = state;
    const element = byId("state");
    const words = t(/** @type {const} */ (`state_${state}`));
    if (element.textContent !== words) element.textContent = words;
    byId("scene").dataset.state = state;
    this.face?.setMood(MOODS[state]);
  }

  /**
   * How the voice gives way: its line dims while it is softer, and stands still while it is held.
   * @param {import("./voice.js").Manner} manner
   * @param {string | null} item Which line it says.
   */
  setManner(manner, item) {
    byId("scene").dataset.voice = manner;
    this.speaking = item;
    this.script.setManner(manner, item);
  }

  /** @param {Partial<typeof this.controls>} change */
  setControls(change) {
    this.controls = { ...this.controls, ...change };
    const { micOn, holdMode, holding, canInterrupt, canHear } = this.controls;
    const mic = byId("mic", HTMLButtonElement);
    mic.setAttribute("aria-pressed", String(micOn));
    mic.setAttribute("aria-label", t(micOn ? "mute" : "unmute"));
    mic.disabled = !canHear || holdMode;
    byId("mic-words").textContent = t(micOn ? "mic_on" : "mic_off");
    byId("interrupt", HTMLButtonElement).disabled = !canInterrupt;
    byId("hold-mode", HTMLInputElement).checked = holdMode;
    byId("hold-mode", HTMLInputElement).disabled = !canHear;
    const hold = byId("hold");
    hold.hidden = !holdMode;
    hold.setAttribute("aria-pressed", String(holding));
    byId("hold-words").textContent = t(holding ? "holding" : "hold");
  }

  /**
   * The line that is being said now, large under the stage.
   * @param {Line | null} line
   */
  caption(line) {
    const box = byId("caption");
    const [who, words] = [...box.children];
    if (!who || !words) return;
    box.dataset.who = line?.who ?? "";
    who.textContent = line === null ? "" : line.who === "you" ? t("you") : this.name;
    words.textContent = line === null ? "" : line.text;
    words.setAttribute("lang", this.language);
    box.classList.toggle("partial", line !== null && !line.final);
    words.scrollTop = words.scrollHeight;
  }

  /**
   * @param {"you" | "persona"} who
   * @param {number} level 0 to 1, as root mean square.
   */
  setLevel(who, level) {
    const meter = byId(`lamps-${who}`);
    const loudness = loudnessOf(level);
    const lit = Math.round(loudness * LAMPS);
    // Silence is told even by a meter whose lamps were dark before, or it would stand at a whisper for ever.
    const silent = loudness === 0 && meter.getAttribute("aria-valuenow") !== "0";
    if (Number(meter.dataset.lit) === lit && !silent) return;
    meter.dataset.lit = String(lit);
    meter.setAttribute("aria-valuenow", String(Math.round(loudness * 100)));
    [...meter.children].forEach((lamp, at) => lamp.classList.toggle("lit", at < lit));
    if (who === "persona") byId("window").style.setProperty("--glow", loudness.toFixed(2));
  }

  /** @param {Latency | null} latency */
  showTiming(latency) {
    this.latency = latency;
    byId("timing-empty").hidden = latency !== null;
    byId("timing-last").textContent = latency ? seconds(latency.total_ms) : "";
    byId("timing-body").replaceChildren(...(latency ? [drawWaterfall(latency)] : []));
  }

  /**
   * @param {number} value 0 to 100.
   * @param {string} speechLevel How it speaks at this distance.
   */
  setCloseness(value, speechLevel) {
    byId("closeness").hidden = false;
    byId("closeness-meter").setAttribute("aria-valuenow", String(value));
    byId("closeness-meter").style.setProperty("--share", String(value / 100));
    const key = `level_${speechLevel}`;
    byId("closeness-words").textContent = hasWords(key) ? t(key) : speechLevel;
  }
}

/**
 * A level as people hear it: 48 dB from dark to full.
 * @param {number} level
 */
export function loudnessOf(level) {
  if (level <= 0) return 0;
  return Math.max(0, Math.min(1, (20 * Math.log10(level) + 58) / 48));
}
