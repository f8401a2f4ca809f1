/**
 * Before a duet: who plays with me, and as whom; or joining one whose link came from a friend.
 *
 * @typedef {import("../types.js").Persona} Persona
 * @typedef {import("../types.js").Scene} Scene
 */
import * as api from "../api.js";
import { byId, draw, make } from "../dom.js";
import { language, onLanguage, t } from "../i18n.js";
import { readLook } from "../look.js";
import { dismiss, notifyFailure } from "../notices.js";
import { drawPortrait } from "../portrait.js";
import { load, rememberScene, save } from "../prefs.js";
import { profileOf } from "../types.js";
import { layoutOf } from "./layout.js";

export class Opening {
  /**
   * @param {Scene | null} invited The duet that the address names.
   * @param {(scene: Scene, name: string) => void} begin
   */
  constructor(invited, begin) {
    this.invited = invited;
    this.begin = begin;
    /** @type {Persona[]} */
    this.personas = [];
    this.chosen = String(load("persona") ?? "");
    this.name = byId("name", HTMLInputElement);
    this.name.value = String(load("duet-name") ?? "");
    this.button = byId("begin", HTMLButtonElement);
    byId("opening").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
    byId("partner-choices").addEventListener("change", (event) => {
      if (event.target instanceof HTMLInputElement) this.chosen = event.target.value;
    });
    drawKeys();
    onLanguage(() => this.render());
    void this.refresh();
  }

  /** The address was of no use: a new duet instead. */
  startOver() {
    this.invited = null;
    this.render();
    void this.refresh();
  }

  async refresh() {
    if (this.invited) return this.render();
    try {
      const { personas, active } = await api.personas();
      this.personas = personas;
      if (!personas.some(({ id }) => id === this.chosen)) this.chosen = (personas.find((one) => one.language === language()) ?? personas.find((one) => one.id === active) ?? personas[0])?.id ?? "";
      dismiss("cast");
    } catch (error) {
      notifyFailure("cast", error, () => void this.refresh());
    }
    this.render();
  }

  render() {
    const joins = this.invited !== null;
    byId("opening-title").textContent = t(joins ? "duet_join_title" : "duet_open_title");
    byId("opening-lead").textContent = t(joins ? "duet_join_lead" : "duet_open_lead");
    this.button.textContent = t(joins ? "duet_join" : "duet_begin");
    byId("partners").hidden = joins;
    this.button.disabled = !joins && !this.personas.some(({ id }) => id === this.chosen);
    if (!joins && this.personas.length > 0) byId("partner-choices").replaceChildren(...this.personas.map((persona) => this.choice(persona)));
  }

  /** @param {Persona} persona */
  choice(persona) {
    const profile = profileOf(persona, language());
    const picture = make("span", { class: "partner-picture", "aria-hidden": "true" }, drawPortrait(persona, ""));
    picture.style.setProperty("--backdrop", readLook(persona.portrait, persona.id).backdrop);
    return make("label", { class: "partner-choice" },
      make("input", { type: "radio", name: "persona", value: persona.id, checked: persona.id === this.chosen }),
      picture, make("span", { class: "partner-name", lang: profile.language }, profile.name));
  }

  async submit() {
    const name = this.name.value.trim();
    save("duet-name", name);
    if (this.invited) return this.begin(this.invited, name);
    const persona = this.personas.find(({ id }) => id === this.chosen);
    if (!persona) return;
    save("persona", persona.id);
    this.button.disabled = true;
    this.button.textContent = t("duet_beginning");
    try {
      const speaks = persona.languages?.includes(language()) ? language() : persona.language;
      const scene = await api.startScene(persona, speaks);
      rememberScene(scene);
      this.begin(scene, name);
    } catch (error) {
      notifyFailure("begin", error, () => void this.submit());
    }
    this.render();
  }
}

/** An octave and a half, with a chord of two colours on it. */
function drawKeys() {
  const { keys } = layoutOf(560, 60, true);
  const marks = new Map([[60, "own"], [64, "own"], [67, "partner"], [70, "partner"], [74, "partner"]]);
  const sorted = keys.toSorted((a, b) => Number(a.black) - Number(b.black));
  byId("opening-keys", SVGElement).replaceChildren(...sorted.map(({ pitch, black, x, width }) =>
    draw("rect", { x: x + 1.5, y: 0, width: width - 3, height: black ? 72 : 118, rx: 5, class: `${black ? "black" : "white"} ${marks.get(pitch) ?? ""}` })));
}
