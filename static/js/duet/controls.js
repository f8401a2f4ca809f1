/**
 * The settings of a duet. What is shown is what the server has said; what is chosen is sent, and shown once it is so.
 *
 * @typedef {import("./types.js").Settings} Settings
 * @typedef {import("../i18n.js").WordKey} WordKey
 */
import { byId, make } from "../dom.js";
import { onLanguage, t } from "../i18n.js";
import { keyWords } from "./readout.js";
import { Tap } from "./tap.js";

export const MODES = /** @type {const} */ (["accompany", "trade", "counter", "lead"]);
const STYLES = /** @type {const} */ (["jazz_swing", "bossa", "blues", "pop_ballad", "classical", "ragtime", "korean_ballad"]);
const COMPLEXITIES = /** @type {const} */ (["simple", "medium", "complex"]);
const METRES = ["4/4", "3/4", "2/4", "6/8", "12/8", "5/4"];
const MAJOR = ["C", "G", "D", "A", "E", "B", "F#", "Db", "Ab", "Eb", "Bb", "F"];
const MINOR = ["a", "e", "b", "f#", "c#", "g#", "eb", "bb", "f", "c", "g", "d"];
const KEYS = ["auto", ...MAJOR.map((tonic) => `${tonic} major`), ...MINOR.map((tonic) => `${tonic} minor`)];

/** A slider sends while it moves, but not more often. */
const SLIDE_MS = 150;

export class Controls {
  /** @param {(changes: Partial<Settings>) => void} change */
  constructor(change) {
    this.change = change;
    this.tapping = new Tap();
    /** @type {Settings | null} */
    this.settings = null;
    this.bpm = byId("bpm", HTMLInputElement);
    this.slider = byId("bpm-slider", HTMLInputElement);
    this.changes = byId("changes", HTMLInputElement);
    this.key = byId("key", HTMLSelectElement);
    this.metre = byId("metre", HTMLSelectElement);
    this.style = byId("style", HTMLSelectElement);
    this.complexity = byId("complexity", HTMLSelectElement);
    this.trade = byId("trade-bars", HTMLSelectElement);
    this.follow = byId("follow", HTMLInputElement);
    this.makeModes();
    this.listen();
    onLanguage(() => this.words());
  }

  makeModes() {
    byId("modes").replaceChildren(...MODES.map((mode) => make("label", { class: "segment" }, make("input", { type: "radio", name: "mode", value: mode }), make("span", { "data-t": `duet_mode_${mode}` }))));
    byId("modes").addEventListener("change", (event) => {
      if (event.target instanceof HTMLInputElement) this.change({ mode: /** @type {Settings["mode"]} */ (event.target.value) });
    });
  }

  /** Names in the language of the moment. */
  words() {
    for (const label of byId("modes").querySelectorAll("span")) label.textContent = t(/** @type {WordKey} */ (label.getAttribute("data-t")));
    options(this.style, STYLES.map((style) => [style, t(`duet_style_${style}`)]));
    options(this.complexity, COMPLEXITIES.map((complexity) => [complexity, t(`duet_complexity_${complexity}`)]));
    options(this.metre, METRES.map((metre) => [metre, metre]));
    options(this.key, KEYS.map((key) => [key, key === "auto" ? t("duet_key_auto") : keyWords(key)]));
    options(this.trade, [1, 2, 3, 4, 5, 6, 7, 8].map((bars) => [String(bars), String(bars)]));
    if (this.settings) this.show(this.settings);
  }

  listen() {
    byId("settings").addEventListener("submit", (event) => event.preventDefault());
    this.style.addEventListener("change", () => this.change({ style: this.style.value }));
    this.complexity.addEventListener("change", () => this.change({ complexity: /** @type {Settings["complexity"]} */ (this.complexity.value) }));
    this.key.addEventListener("change", () => this.change({ key: this.key.value }));
    this.metre.addEventListener("change", () => this.change({ metre: metreOf(this.metre.value) }));
    this.trade.addEventListener("change", () => this.change({ trade_bars: Number(this.trade.value) }));
    this.follow.addEventListener("change", () => this.change({ follow: this.follow.checked }));
    this.bpm.addEventListener("change", () => this.tempo(Number(this.bpm.value)));
    let sent = 0;
    this.slider.addEventListener("input", () => {
      this.bpm.value = this.slider.value;
      if (performance.now() - sent > SLIDE_MS) this.tempo(Number(this.slider.value));
      sent = performance.now();
    });
    this.slider.addEventListener("change", () => this.tempo(Number(this.slider.value)));
    byId("tap").addEventListener("click", (event) => this.tap(event.timeStamp));
    byId("changes-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.change({ changes: this.changes.value.trim() });
    });
  }

  /** @param {number} bpm */
  tempo(bpm) {
    if (!(bpm >= 30 && bpm <= 300)) return this.settings ? this.show(this.settings) : undefined;
    this.slider.value = String(bpm);
    this.bpm.value = String(bpm);
    this.change({ bpm });
  }

  /** @param {number} at Milliseconds. */
  tap(at) {
    const bpm = this.tapping.tap(at);
    if (bpm !== null) this.tempo(bpm);
  }

  /** @param {Settings} settings */
  show(settings) {
    this.settings = settings;
    for (const radio of byId("modes").querySelectorAll("input")) radio.checked = radio.value === settings.mode;
    byId("mode-help").textContent = t(`duet_mode_${settings.mode}_help`);
    this.style.value = settings.style;
    this.complexity.value = settings.complexity;
    choose(this.metre, settings.metre.join("/"), settings.metre.join("/"));
    const key = KEYS.find((one) => one.toLowerCase() === settings.key.toLowerCase()) ?? settings.key;
    choose(this.key, key, keyWords(key));
    this.trade.value = String(settings.trade_bars);
    byId("trade-field").hidden = settings.mode !== "trade";
    this.follow.checked = settings.follow;
    // Whoever is typing or sliding is not interrupted by what others, or the tempo that is followed, do.
    const busy = document.activeElement;
    if (busy !== this.bpm && busy !== this.slider) {
      this.bpm.value = String(Math.round(settings.bpm));
      this.slider.value = String(Math.round(settings.bpm));
    }
    if (busy !== this.changes) this.changes.value = settings.changes;
  }
}

/** @param {string} text @returns {[number, number]} */
function metreOf(text) {
  const [num = 4, den = 4] = text.split("/").map(Number);
  return [num, den];
}

/**
 * @param {HTMLSelectElement} select
 * @param {string[][]} pairs Values and words.
 */
export function options(select, pairs) {
  const { value } = select;
  select.replaceChildren(...pairs.map(([id = "", words = ""]) => make("option", { value: id }, words)));
  if (pairs.some(([id]) => id === value)) select.value = value;
}

/**
 * Chooses a value, and offers it where it is not on the list.
 * @param {HTMLSelectElement} select
 * @param {string} value
 * @param {string} words
 */
function choose(select, value, words) {
  if (![...select.options].some((option) => option.value === value)) select.append(make("option", { value }, words));
  select.value = value;
}
